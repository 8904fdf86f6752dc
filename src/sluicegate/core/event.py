"""One event of an answer: parsed once, and keeping the bytes it came in until governance changes them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Event(msgspec.Struct, eq=False):
    """One server-sent event, or the whole body of an answer that was not streamed (`framed` is False).

    `raw` is what leaves for the client. `data` is the JSON text inside it (for SSE, the joined `data:` lines); empty where
    the whole body is no JSON (sound, plain text), and then `kind` is its content type.
    """

    raw: bytes
    data: bytes
    name: str | None = None
    framed: bool = True
    kind: str = ""
    told: Any = None
    """What a dialect took from the event when it was first asked; the dialect's own."""
    last: bool = False
    """Whether the connection ended after it: the end of an answer that has no other mark."""
    _document: Any = None
    _parsed: bool = False

    def __repr__(self) -> str:
        """Without what the answer says."""
        return f"<event of {len(self.raw)} bytes>"

    @property
    def document(self) -> Any:
        """The parsed JSON object, or None where there is none (`[DONE]`, a comment, an empty event).

        Raises UpstreamError (UPSTREAM_INVALID) where it begins like an object and is none.
        """
        if self._parsed:
            return self._document
        data = self.data
        # white space may stand before a body: some providers keep the connection alive with empty lines
        if data[:1] == b"{" or (data[:1].isspace() and data.lstrip()[:1] == b"{"):
            try:
                self._document = _decode(data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise UpstreamError(Reason.UPSTREAM_INVALID, "The provider sent JSON that cannot be read.") from None
        self._parsed = True
        return self._document

    def as_text(self) -> Any:
        """A body of text that is no JSON, as `{"text": …}`. Raises UpstreamError (UPSTREAM_INVALID) where it is no UTF-8."""
        if self._document is None:
            try:
                self._document = {"text": self.raw.decode()}
            except UnicodeDecodeError:
                raise UpstreamError(Reason.UPSTREAM_INVALID, "The provider sent text that cannot be read.") from None
        return self._document

    def rewrite(self) -> None:
        """Serialise the edited document again, in the framing the event came in."""
        self.told = None
        if self.kind:
            self.raw = self._document["text"].encode()
            return
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


class JsonArray:
    """A stream for clients that read no server-sent events: one JSON array, of which each event is an element.

    It is whole JSON however it ends, unless the connection breaks.
    """

    __slots__ = ("_begun",)

    head = "content-type: application/json; charset=utf-8\r\n"
    """The header lines that say so."""

    def __init__(self) -> None:
        self._begun = False

    def frame(self, events: Sequence[Event]) -> None:
        """Give `events`, which leave now, the form in which they leave; an event without data is white space already."""
        for event in events:
            if event.data:
                event.raw = b"%b%b%b" % (self._next(), event.data, b"]" if event.last else b"")

    def end(self, data: bytes) -> bytes:
        """The last element (JSON), and the end of the array."""
        return b"%b%b]" % (self._next(), data)

    def _next(self) -> bytes:
        begun, self._begun = self._begun, True
        return b",\r\n" if begun else b"["


_EMPTY = (b"", b"[DONE]")


def check_empty(event: Event) -> None:
    """Raises UpstreamError if `event`, in which there is no JSON object, holds anything else but the mark of the end."""
    if event.data not in _EMPTY and event.data.strip() not in _EMPTY:
        raise UpstreamError(Reason.UPSTREAM_INVALID, "The provider sent an event that is no JSON object.")
