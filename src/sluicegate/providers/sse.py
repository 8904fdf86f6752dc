"""Server-sent events out of bytes, however the bytes were cut (WHATWG HTML, section 9.2.6).

Each event keeps exactly the bytes it came in, its terminator included, so that an untouched event leaves as it arrived;
only comments and the fields that no answer needs (`id`, `retry`) are taken out, since nobody inspects them. A comment or
heartbeat is an event without data. What follows the last terminator at the end of the stream is no event.
"""

import re
from collections.abc import Sequence

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event

_END = re.compile(rb"(?>\r\n|\n|\r)(?>\r\n|\n|\r)")
_LINE = re.compile(rb"\r\n|\n|\r")
_NAME = re.compile(rb"[a-z][a-z0-9_.]{0,63}")
"""What an event may be called."""
_BOM = b"\xef\xbb\xbf"
_NAMES: dict[bytes, str] = {
    name.encode(): name
    for name in (
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "ping",
        "error",
        "response.created",
        "response.in_progress",
        "response.completed",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.delta",
        "response.output_text.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.custom_tool_call_input.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
    )
}
"""Event names met often, so that they need no decoding."""


class SseParser:
    """Takes a stream's bytes, gives its events. One per answer."""

    def __init__(self, max_event_bytes: int, max_answer_bytes: int, max_events: int) -> None:
        self._max_event = max_event_bytes
        self._left = max_answer_bytes
        self._events_left = max_events
        self._buffer = bytearray()
        self._scanned = 0
        """Up to here the buffer is known to hold no terminator."""
        self._returns = False
        """Whether the stream has used a carriage return, which costs the slower search."""

    @property
    def clean(self) -> bool:
        """Whether no part of an event is waiting for its rest."""
        return not self._buffer

    def feed(self, data: bytes) -> Sequence[Event]:
        """The events that `data` completes. Raises UpstreamError (UPSTREAM_INVALID) beyond a bound."""
        size = len(data)
        self._left = left = self._left - size
        if left < 0:
            raise UpstreamError(Reason.UPSTREAM_INVALID, "The provider's answer is longer than allowed.")
        if self._buffer or self._returns or b"\r" in data:
            return self._split(data)
        if data[-2:] == b"\n\n" and data[:6] == b"data: " and data.find(b"\n") == size - 2:
            # nearly every read is one whole event, and nearly every event is one line of data
            self._events_left = events_left = self._events_left - 1
            if size > self._max_event or events_left < 0:
                raise _too_much()
            return (Event(data, data[6:-2]),)
        return self._plain(data)

    def finish(self) -> Sequence[Event]:
        """The stream is over: the event that waited to see whether a line feed follows its carriage return, if any."""
        if self._buffer and self._buffer[-1] == 0x0D and (match := _END.search(self._buffer, self._scanned)):
            return self._taken([match.end()])
        return ()

    def _plain(self, data: bytes) -> Sequence[Event]:
        """The events of a read that begins with an event, in a stream without carriage returns."""
        *ended, rest = data.split(b"\n\n")
        self._events_left -= len(ended)
        if self._events_left < 0 or len(rest) > self._max_event:
            raise _too_much()
        if rest:
            self._buffer += rest
            self._scanned = max(0, len(rest) - 3)
        events: list[Event] = []
        for lines in ended:
            raw = lines + b"\n\n"
            if len(raw) > self._max_event:
                raise _too_much()
            if lines[:6] == b"data: " and b"\n" not in lines:
                events.append(Event(raw, lines[6:]))
            else:
                events.append(_single(raw) or _read(raw))
        return events

    def _split(self, data: bytes) -> Sequence[Event]:
        buffer = self._buffer
        buffer += data
        if not self._returns and b"\r" in data:
            self._returns = True
        ends: list[int] = []
        start, scan = 0, self._scanned
        while True:
            end = self._terminator(scan)
            if end < 0:
                break
            if end - start > self._max_event:
                raise _too_much()
            ends.append(end)
            start = scan = end
        if len(buffer) - start > self._max_event:
            raise _too_much()
        self._scanned = max(start, len(buffer) - 3)
        return self._taken(ends) if ends else ()

    def _terminator(self, start: int) -> int:
        """Where the next terminator ends, or -1. One that ends the buffer with a carriage return may still grow."""
        if not self._returns:
            found = self._buffer.find(b"\n\n", start)
            return found + 2 if found >= 0 else -1
        match = _END.search(self._buffer, start)
        if match is None:
            return -1
        end = match.end()
        return -1 if end == len(self._buffer) and self._buffer[-1] == 0x0D else end

    def _taken(self, ends: list[int]) -> list[Event]:
        """Cut the buffer at `ends` into events."""
        self._events_left -= len(ends)
        if self._events_left < 0:
            raise _too_much()
        whole = bytes(memoryview(self._buffer)[: ends[-1]])
        del self._buffer[: ends[-1]]
        self._scanned = max(0, self._scanned - ends[-1])
        events: list[Event] = []
        start = 0
        for end in ends:
            raw = whole[start:end]
            events.append(_single(raw) or _read(raw))
            start = end
        return events


def _single(raw: bytes) -> Event | None:
    """`raw` as an event, if it is one of the two plain forms that nearly every event has; else None."""
    if raw[-2:] != b"\n\n":
        return None
    last = len(raw) - 2
    if raw[:6] == b"data: ":
        if raw.find(b"\n") == last and raw.find(b"\r") < 0:
            return Event(raw, raw[6:last])
    elif raw[:7] == b"event: ":
        first = raw.find(b"\n")
        if raw[first + 1 : first + 7] == b"data: " and raw.find(b"\n", first + 1) == last and raw.find(b"\r") < 0:
            name = raw[7:first]
            known = _NAMES.get(name)
            if known is None and _NAME.fullmatch(name):
                known = name.decode()
            return None if known is None else Event(raw, raw[first + 7 : last], known)
    return None


def _read(raw: bytes) -> Event:
    """`raw` field by field; fields other than `data` and `event` mean nothing to an answer.

    Nobody inspects those, nor comments, nor a name that is no plain word: an event that has any leaves without them.
    """
    data: list[bytes] = []
    name: str | None = None
    more = False
    for line in _LINE.split(raw.removeprefix(_BOM)):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event" and _NAME.fullmatch(value):
            name = value.decode()
        elif line:
            more = True
    return Event(_reframed(data, name) if more else raw, b"\n".join(data), name)


def _reframed(data: Sequence[bytes], name: str | None) -> bytes:
    """An event of the same name and data; without either, a comment, so that a heartbeat stays one."""
    if not data and name is None:
        return b":\n\n"
    head = b"" if name is None else b"event: %b\n" % name.encode()
    return b"%b%b\n" % (head, b"".join([b"data: %b\n" % line for line in data]))


def _too_much() -> UpstreamError:
    return UpstreamError(
        Reason.UPSTREAM_INVALID, "The provider's stream holds an event, or a number of events, beyond bounds."
    )
