"""One event of an answer: parsed once, and keeping the bytes it came in until governance changes them."""

from typing import Any

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Event:
    """One server-sent event, or the whole body of an answer that was not streamed (`framed` is False).

    `raw` is what leaves for the client. `data` is the JSON text inside it (for SSE, the joined `data:` lines).
    """

    __slots__ = ("_document", "_parsed", "data", "framed", "name", "raw")

    def __init__(self, raw: bytes, data: bytes, name: str | None = None, *, framed: bool = True) -> None:
        self.raw = raw
        self.data = data
        self.name = name
        self.framed = framed
        self._document: Any = None
        self._parsed = False

    @property
    def document(self) -> Any:
        """The parsed JSON object, or None where there is none (`[DONE]`, a comment, an empty event).

        Raises UpstreamError (UPSTREAM_INVALID) where it begins like an object and is none.
        """
        if not self._parsed:
            # white space may stand before a body: some providers keep the connection alive with empty lines
            if self.data[:1] == b"{" or (self.data[:1].isspace() and self.data.lstrip()[:1] == b"{"):
                try:
                    self._document = _decode(self.data)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    raise UpstreamError(Reason.UPSTREAM_INVALID, "The provider sent JSON that cannot be read.") from None
            self._parsed = True
        return self._document

    def rewrite(self) -> None:
        """Serialise the edited document again, in the framing the event came in."""
        self.data = _encode(self._document)
        self.raw = frame(self.data, self.name) if self.framed else self.data


def frame(data: bytes, name: str | None = None) -> bytes:
    """`data` (one line) as a server-sent event, WHATWG HTML section 9.2."""
    return b"data: %b\n\n" % data if name is None else b"event: %b\ndata: %b\n\n" % (name.encode(), data)


def sse(document: Any, name: str | None = None) -> Event:
    """A new server-sent event that carries `document`."""
    data = _encode(document)
    event = Event(frame(data, name), data, name)
    event._document, event._parsed = document, True
    return event


def whole(document: Any) -> Event:
    """A new unstreamed answer that carries `document`."""
    data = _encode(document)
    event = Event(data, data, framed=False)
    event._document, event._parsed = document, True
    return event
