"""The one connection pool of the gateway: per origin, a bounded number of connections, kept open for the next call.

What a provider sends on a connection that no call holds, or its close, must never be taken for the next call's answer. The
event loop tells the connection of both, but only once it has looked at the sockets. So a connection that was given back is
fresh until the loop has done that. A call takes one that is not; where there is none, a fresh one whose socket it asks.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError
from sluicegate.providers.address import Origin, forbidden
from sluicegate.providers.connection import Connection, State
from sluicegate.settings import Upstream

if TYPE_CHECKING:
    from ssl import SSLContext


class _Slots:
    """The connections of one origin: `open` counts every one that exists or is being opened."""

    __slots__ = ("fresh", "idle", "open", "waiters")

    def __init__(self) -> None:
        self.idle: deque[Connection] = deque()
        """The one used last is on the right, and is used first."""
        self.fresh: deque[Connection] = deque()
        """Idle too, and used later than those; the event loop may not have looked at their sockets since."""
        self.open = 0
        self.waiters: deque[asyncio.Future[Connection | None]] = deque()
        """Calls that wait for a connection; None lets one open its own. Bounded by `server.max_exchanges`."""


class Pool:
    """Connections by origin. Belongs to the event loop it is first used in."""

    def __init__(self, bounds: Upstream) -> None:
        self._bounds = bounds
        self._slots: dict[Origin, _Slots] = {}
        self._origins: dict[Connection, Origin] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._round = 0
        """Counts the looks at the sockets that were asked for; each connection that is given back notes it."""
        self._looked = 0
        """The last look that was over: it covers what was given back in an earlier round."""
        self._newest = 0
        """The round in which a connection was last given back."""
        self._tls: SSLContext | None = None

    def take(self, origin: Origin) -> Connection | None:
        """A connection that is open and idle, or None."""
        slots = self._slots.get(origin)
        if slots is None:
            return None
        idle, fresh, looked = slots.idle, slots.fresh, self._looked
        while fresh and fresh[0].given_back < looked:
            idle.append(fresh.popleft())
        while idle:
            connection = idle.pop()
            if connection.usable():
                return connection
            self._discard(connection)
        while fresh:
            connection = fresh.pop()
            if connection.quiet():
                return connection
            self._discard(connection)
        return None

    async def open(self, origin: Origin) -> Connection:
        """A new connection, or one that another call gives back where `max_connections` are open.

        Raises UpstreamError (UPSTREAM_UNREACHABLE); `connect_timeout` bounds each of the two.
        """
        while True:
            slots = self._slots.setdefault(origin, _Slots())
            if slots.open < self._bounds.max_connections:
                slots.open += 1
                break
            connection = await self._turn(origin, slots)
            if connection is None:
                break
            if connection.quiet():
                return connection
            self._discard(connection)
        made = None
        try:
            made = await self._connect(origin)
        finally:
            if made is None:
                self._closed(origin)
        return made

    def give_back(self, connection: Connection) -> None:
        """The call is over: keep the connection for the next one if it can be used again."""
        if not connection.release():
            self._forget(connection)
            return
        slots = self._slots[self._origins[connection]]
        while slots.waiters:
            waiter = slots.waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if len(slots.idle) + len(slots.fresh) >= self._bounds.max_idle_connections:
            self._discard(connection)
            return
        connection.given_back = self._newest = self._round
        slots.fresh.append(connection)
        if self._looked == self._round:
            self._look()
        if self._sweeper is None:
            self._sweep_later()

    def drain(self, connection: Connection) -> None:
        """The call has its whole answer; the end of its HTTP framing may be on the way: keep the connection if it comes."""
        if not connection.drain():
            self.give_back(connection)

    def discard(self, connection: Connection) -> None:
        """Close the connection at once."""
        self._discard(connection)

    def close(self) -> None:
        """Close every connection; calls under way end with an error."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in list(self._origins):
            connection.close()
        for slots in self._slots.values():
            slots.idle.clear()
            slots.fresh.clear()

    def count(self, origin: Origin) -> tuple[int, int]:
        """How many connections are open, and how many of them idle."""
        slots = self._slots.get(origin)
        return (0, 0) if slots is None else (slots.open, len(slots.idle) + len(slots.fresh))

    async def _turn(self, origin: Origin, slots: _Slots) -> Connection | None:
        """Wait for a connection that another call gives back; None where this call may open one in another's place."""
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        slots.waiters.append(waiter)
        taken = False
        try:
            async with asyncio.timeout(self._bounds.connect_timeout):
                connection = await waiter
            taken = True
        except TimeoutError:
            raise UpstreamError(
                Reason.UPSTREAM_UNREACHABLE, "No connection to the provider became free (upstream.max_connections)."
            ) from None
        finally:
            if not taken:
                self._missed(origin, slots, waiter)
        return connection

    def _missed(self, origin: Origin, slots: _Slots, waiter: "asyncio.Future[Connection | None]") -> None:
        """A call stopped waiting; what it was given at the same moment goes to the next."""
        if not waiter.done() or waiter.cancelled():
            if waiter in slots.waiters:
                slots.waiters.remove(waiter)
            return
        connection = waiter.result()
        if connection is not None:
            connection.state = State.DONE
            self.give_back(connection)
        else:
            self._closed(origin)

    async def _connect(self, origin: Origin) -> Connection:
        loop = asyncio.get_running_loop()
        tls = self._context() if origin.secure else None
        try:
            async with asyncio.timeout(self._bounds.connect_timeout):
                _, connection = await loop.create_connection(
                    lambda: Connection(self._bounds, self._freed), origin.host, origin.port, ssl=tls
                )
        except TimeoutError:
            raise UpstreamError(
                Reason.UPSTREAM_UNREACHABLE, "The provider could not be reached in time (upstream.connect_timeout)."
            ) from None
        except (OSError, UnicodeError) as error:
            what = "its certificate was not accepted" if "CERTIFICATE" in str(error) else type(error).__name__
            raise UpstreamError(Reason.UPSTREAM_UNREACHABLE, f"The provider could not be reached ({what}).") from None
        self._admit(connection)
        self._origins[connection] = origin
        return connection

    def _admit(self, connection: Connection) -> None:
        """Close a connection that led where no provider is, before anything is sent; the name may have said otherwise."""
        if forbidden(connection.peer()):
            connection.close()
            raise UpstreamError(Reason.UPSTREAM_UNREACHABLE, "The provider's address is one that is never called.")

    def _context(self) -> "SSLContext":
        """The system's trust store and `ca_file`; made for the first https target, because it takes time and memory."""
        if self._tls is None:
            import ssl

            context = ssl.create_default_context()
            if self._bounds.ca_file:
                context.load_verify_locations(self._bounds.ca_file)
            context.set_alpn_protocols(["http/1.1"])
            self._tls = context
        return self._tls

    def _freed(self, connection: Connection) -> None:
        """A connection that no call holds has finished draining, or was closed."""
        if connection not in self._origins:
            return
        if connection.state is State.DONE:
            self.give_back(connection)
            return
        slots = self._slots[self._origins[connection]]
        for kept in (slots.idle, slots.fresh):
            if connection in kept:
                kept.remove(connection)
        self._forget(connection)

    def _discard(self, connection: Connection) -> None:
        self._forget(connection)
        connection.close()

    def _forget(self, connection: Connection) -> None:
        origin = self._origins.pop(connection, None)
        if origin is not None:
            self._closed(origin)

    def _closed(self, origin: Origin) -> None:
        """One connection fewer: the next waiter may open one; an origin without connections is forgotten."""
        slots = self._slots[origin]
        if not self._pass_turn(slots):
            slots.open -= 1
            if slots.open == 0:
                del self._slots[origin]

    def _pass_turn(self, slots: _Slots) -> bool:
        while slots.waiters:
            waiter = slots.waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return True
        return False

    def _look(self) -> None:
        """Have the loop tell when it has looked at every socket.

        A timer without delay tells it: asyncio's loop runs what the sockets brought before what the timers brought; and
        uvloop runs what the sockets bring as it looks, and this, like every task, before it looks again.
        """
        self._round += 1
        asyncio.get_running_loop().call_later(0, self._has_looked)

    def _has_looked(self) -> None:
        self._looked = self._round
        if self._newest == self._round:
            self._look()

    def _sweep_later(self) -> None:
        seconds = self._bounds.keep_alive_timeout / 2
        self._sweeper = asyncio.get_running_loop().call_later(seconds, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle for too long; go on while anything is idle."""
        self._sweeper = None
        oldest = asyncio.get_running_loop().time() - self._bounds.keep_alive_timeout
        for slots in list(self._slots.values()):
            for kept in (slots.idle, slots.fresh):
                while kept and kept[0].idle_since <= oldest:
                    self._discard(kept.popleft())
        if any(slots.idle or slots.fresh for slots in self._slots.values()):
            self._sweep_later()
