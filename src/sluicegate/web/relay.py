"""What a `Cycle` offers, over plain ASGI: for any server but ours."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
AsgiSend = Callable[[dict[str, Any]], Awaitable[None]]


class Relay:
    """One request and its answer on another server. It tells nobody that the client has gone."""

    __slots__ = ("_head", "_send", "receive")

    disconnected = False

    def __init__(self, receive: Receive, send: AsgiSend) -> None:
        self.receive = receive
        self._send = send
        self._head: dict[str, Any] | None = None

    def cancel_when_gone(self) -> None:
        """Does nothing."""

    def whole(self) -> None:
        """The body must be received."""

    def begin(self, status: int, head: bytes, _lines: int, _length: int | None) -> None:
        """Compose the head, which leaves with the first piece of the body."""
        headers = [tuple(line.split(b": ", 1)) for line in head.split(b"\r\n") if line]
        self._head = {"type": "http.response.start", "status": status, "headers": headers}

    async def write(self, body: bytes, last: bool) -> None:
        """Send a piece of the body."""
        head, self._head = self._head, None
        if head is not None:
            await self._send(head)
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})
