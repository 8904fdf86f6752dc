"""The HTTP server: uvicorn's httptools protocol on uvloop, bounded, and stopped gracefully.

Why this server: `docs/adr/0003-http-server.md`.
"""

import asyncio
import resource
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from email.utils import formatdate
from typing import Any, TypeVar

import uvloop
from uvicorn.config import Config
from uvicorn.server import ServerState

from sluicegate.settings import Server, Settings
from sluicegate.web.protocol import BoundedProtocol, bounded

T = TypeVar("T")

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SPARE_FILES = 256
"""Descriptors for everything that is no connection: the database, logs, policy files."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def serve(
    app: Callable[..., Coroutine[Any, Any, None]],
    settings: Settings,
    *,
    ready: Callable[[int], None],
    stop: asyncio.Event | None = None,
) -> None:
    """Serve the ASGI `app` until SIGTERM, SIGINT or SIGHUP, or until `stop` is set; then return.

    `ready` is called with the port once connections are accepted. Stopping accepts no more, lets answers under way finish
    within `server.shutdown_grace`, then cancels their tasks and waits for what those settle, at most `audit.commit_timeout`.
    A second signal ends the process at once. The app gets no lifespan events; what it needs is started by the caller.
    """
    loop = asyncio.get_running_loop()
    bounds = settings.server
    _allow_files(bounds.max_connections + settings.upstream.max_connections + SPARE_FILES)
    state = ServerState()
    empty = asyncio.Event()
    config = _configured(app, bounds, empty)
    connections: set[BoundedProtocol] = state.connections  # type: ignore[assignment]  # uvicorn names its own protocols only
    dated = _Dated(state, loop)
    stopping = asyncio.Event() if stop is None else stop
    if stop is None:
        _stop_on_signal(stopping, loop)
    server = await loop.create_server(
        lambda: config.http_protocol_class(config=config, server_state=state, app_state={}, _loop=loop),  # type: ignore[call-arg]
        host=bounds.host,
        port=bounds.port,
        backlog=2_048,
    )
    try:
        ready(server.sockets[0].getsockname()[1])
        await stopping.wait()
    finally:
        server.close()
        for connection in tuple(connections):
            connection.shutdown()
        await _finish(state.tasks, bounds.shutdown_grace, settings.audit.commit_timeout)
        await _emptied(connections, empty, bounds.write_timeout)
        for connection in tuple(connections):
            connection.abort()
        dated.stop()
        await server.wait_closed()


def _configured(app: Any, bounds: Server, empty: asyncio.Event) -> Config:
    """What uvicorn's protocol reads of its configuration; `empty` is set whenever the last connection is lost."""
    config = Config(
        app,
        http=bounded(bounds, empty.set),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
    )
    config.load()
    return config


async def _finish(tasks: set["asyncio.Task[None]"], grace: float, last: float) -> None:
    """Wait for `tasks`, also for those that begin meanwhile; cancel what is left after `grace` seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + grace
    while tasks and (left := end - loop.time()) > 0:
        await asyncio.wait(tuple(tasks), timeout=left, return_when=asyncio.FIRST_COMPLETED)
    rest = tuple(tasks)
    for task in rest:
        task.cancel()
    if rest:
        await asyncio.wait(rest, timeout=last)


async def _emptied(connections: set[BoundedProtocol], empty: asyncio.Event, limit: float) -> None:
    """Wait, at most `limit` seconds, until what was written has left and every connection is closed."""
    empty.clear()
    if connections:
        with suppress(TimeoutError):
            await asyncio.wait_for(empty.wait(), limit)


class _Dated:
    """Keeps the `date` header of every answer at most a second old, and `server` without a version."""

    def __init__(self, state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
        self._state = state
        self._loop = loop
        self._tick()

    def _tick(self) -> None:
        date = formatdate(time.time(), usegmt=True).encode("ascii")
        self._state.default_headers = [(b"date", date), (b"server", b"sluicegate")]
        self._timer = self._loop.call_later(1, self._tick)

    def stop(self) -> None:
        """Keep it no longer."""
        self._timer.cancel()


def _stop_on_signal(stopping: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    def stop() -> None:
        stopping.set()
        for number in STOPPING:
            loop.remove_signal_handler(number)  # so that a second signal ends the process

    for number in STOPPING:
        loop.add_signal_handler(number, stop)


def _allow_files(needed: int) -> None:
    """Raise the soft limit of open files to what the settings allow to be open, as far as the hard limit lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
