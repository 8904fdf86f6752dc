"""What every guard of a stream shares: events that wait for their texts to be decided, and leave in order.

Every event's governed strings go to their channels. An event leaves when all its text is decided and every earlier event has
left; one that nobody changed leaves with the bytes it came in.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from sluicegate.core.dialect import Dialect, Piece
from sluicegate.core.event import Event
from sluicegate.dlp.rendered import SourceEdit


class Channel(Protocol):
    """One text of an answer as it arrives in pieces."""

    length: int
    """How much of it has arrived."""
    mark: int
    """How much of it is decided."""
    final: bool
    """Whether it is complete."""
    edits: list[SourceEdit]
    """Of decided text, not rendered yet; none overlap."""

    def feed(self, source: str, *, final: bool = False) -> None:
        """Take more of the text; with `final` there will be none, and everything is decided."""

    def render(self, start: int, source: str) -> str | None:
        """What the piece `source`, which stands at `start` and is all decided, gives way to; None where it stays."""


C = TypeVar("C", bound=Channel)


class _Held(msgspec.Struct, Generic[C], gc=False):
    """An event that waits, and its pieces with their channels and where in them they start and end."""

    event: Event
    pieces: list[tuple[C, Piece, int, int]]
    size: int


class Holder(ABC, Generic[C]):
    """Holds events until their channels have decided about their texts."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._channels: dict[tuple[str, bool], C] = {}
        self._held: deque[_Held[C]] = deque()
        self._held_bytes = 0
        self._tainted = False  # whether anything of the answer was changed

    @abstractmethod
    def _open(self, piece: Piece) -> C:
        """A new channel for the text that `piece` begins."""

    def _advance(self, channel: C, text: str, *, final: bool) -> None:
        """Give a channel more of its text."""
        channel.feed(text, final=final)

    def _keep_sealed(self) -> None:
        """Something would be replaced where nothing may be: it stays as it is."""

    def _rest(self) -> list[Event]:
        """The answer is over: decide what is open, and return what waits."""
        for channel in self._channels.values():
            if not channel.final:
                self._advance(channel, "", final=True)
        leaving: list[Event] = []
        self._release(leaving)
        return leaving

    def _hold(self, events: Sequence[tuple[Event, Sequence[Piece]]]) -> None:
        """Have events wait for their texts; what they bring together of one text is looked at in one go."""
        fresh: dict[C, str] = {}
        alone = len(events) == 1
        for event, pieces in events:
            placed = []
            # of an answer that is not streamed nothing follows, so each of its texts is judged once, as a whole
            whole = not event.framed and len({piece.channel for piece in pieces}) == len(pieces)
            for piece in pieces:
                text = piece.text
                channel = self._channels.get((piece.channel, piece.json))
                if not text:
                    if piece.again and channel is not None and not channel.final:
                        self._advance(channel, fresh.pop(channel, ""), final=True)
                    continue
                if channel is None or channel.final:
                    channel = self._channels[piece.channel, piece.json] = self._open(piece)
                before = fresh.pop(channel, "")
                start = channel.length + len(before)
                placed.append((channel, piece, start, start + len(text)))
                final = whole or (piece.again and event.framed)
                if final or alone:
                    self._advance(channel, before + text, final=final)
                else:
                    fresh[channel] = before + text
            size = len(event.raw) if event.framed else 0
            self._held.append(_Held(event, placed, size))
            self._held_bytes += size
        for channel, text in fresh.items():
            self._advance(channel, text, final=False)

    def _release(self, leaving: list[Event]) -> None:
        waiting = self._held
        while waiting:
            held = waiting[0]
            for channel, _, _, end in held.pieces:
                if end > channel.mark:
                    return
            waiting.popleft()
            self._held_bytes -= held.size
            changed = False
            for channel, piece, start, _ in held.pieces:
                if channel.edits and (text := channel.render(start, piece.text)) is not None:
                    if piece.sealed:
                        self._keep_sealed()
                    else:
                        piece.holder[piece.key] = text
                        changed = True
            if changed or self._tainted:
                self._leave(leaving, held.event, changed=changed)
            else:
                leaving.append(held.event)

    def _leave(self, leaving: list[Event], event: Event, *, changed: bool) -> None:
        if (self._tainted and self._dialect.redacted(event)) or changed:
            event.rewrite()
        leaving.append(event)
