"""The stream guard: nothing of an answer leaves before it is decided, and nothing is held that can no longer change.

Every event's governed strings go to their channels. An event leaves when all its text is decided and every earlier event has
left; one that nobody changed leaves with the bytes it came in. The law: cutting the same answer into other pieces never
changes what the client reads, and it equals treating the whole text at once.
"""

from collections import deque
from collections.abc import Sequence

import msgspec

from sluicegate.core.decision import Decision, Reason, Verdict
from sluicegate.core.dialect import Dialect, Piece
from sluicegate.core.errors import Denied
from sluicegate.core.event import Event
from sluicegate.dlp.automaton import TooManyReports
from sluicegate.dlp.channel import TextChannel
from sluicegate.dlp.inspection import Inspection
from sluicegate.dlp.json_channel import JsonChannel

REASONS = (Reason.ANSWER_ALERTED, Reason.ANSWER_REDACTED, Reason.ANSWER_BLOCKED)


class _Held(msgspec.Struct, gc=False):
    """An event that waits, and its pieces with their channels and where in them they start and end."""

    event: Event
    pieces: list[tuple[TextChannel, Piece, int, int]]
    size: int


class StreamGuard:
    """Filters one answer. Raises Denied as soon as something that policy blocks is found, or a bound is exceeded."""

    def __init__(
        self,
        inspection: Inspection,
        dialect: Dialect,
        max_channels: int,
        max_held_bytes: int,
        *,
        unscannable_blocks: bool = False,
    ) -> None:
        """`max_held_bytes` bounds what may wait of a streamed answer."""
        self._unscannable_blocks = unscannable_blocks
        self._unread: list[str] = []
        self._tainted = False  # whether anything of the answer was redacted
        self._inspection = inspection
        self._dialect = dialect
        self._max_channels = max_channels
        self._max_held = max_held_bytes
        self._channels: dict[tuple[str, bool], TextChannel] = {}
        self._held: deque[_Held] = deque()
        self._held_bytes = 0
        self._work = inspection.work()
        self._denied: Decision | None = None
        self.ran = False
        """Whether any event has come."""

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        """Take the next events; return those that may leave now, in order. Raises Denied."""
        leaving: list[Event] = []
        dialect, work, most = self._dialect, self._work, self._inspection.max_candidates
        for event in events:
            self.ran = True
            work.left = most
            if unread := dialect.unread(event):
                self._unread += unread
                if self._unscannable_blocks:
                    self._refuse("")
            pieces = dialect.pieces(event)
            if pieces and (event.framed or not self._nothing_in(pieces)):
                self._hold(event, pieces)
                self._release(leaving)
            elif self._held:
                self._held.append(_Held(event, [], len(event.raw)))
                self._held_bytes += len(event.raw)
            else:
                self._leave(leaving, event, changed=False)
        if self._held_bytes > self._max_held:
            self._refuse("max_held_bytes")
        return leaving

    def flush(self) -> Sequence[Event]:
        """The answer is over: decide what is open and return the rest. Raises Denied."""
        self._work.left = self._inspection.max_candidates
        for channel in self._channels.values():
            if not channel.final:
                self._advance(channel, "", final=True)
        leaving: list[Event] = []
        self._release(leaving)
        return leaving

    def decision(self) -> Decision:
        """What was found so far, or in the whole answer once it is flushed."""
        if self._denied is not None:
            return self._denied
        counts: dict[int, int] = {}
        for channel in self._channels.values():
            for index, count in channel.ledger.counts.items():
                counts[index] = counts.get(index, 0) + count
        found = self._inspection.decide(counts, REASONS)
        if not self._unread:
            return found
        detail = {**found.detail, "unscannable": tuple(sorted(set(self._unread))), "unscannable_parts": len(self._unread)}
        if found.verdict is Verdict.ALLOW:
            return Decision(Verdict.FLAG, Reason.ANSWER_ALERTED, detail)
        return Decision(found.verdict, found.reason, detail)

    def _nothing_in(self, pieces: Sequence[Piece]) -> bool:
        """Whether an answer that is not streamed surely holds nothing to be found, told by one scan of all its texts.

        Nothing follows such an answer, so it then takes no channels; where in doubt, the channels decide.
        """
        if self._channels or self._held or len(pieces) > self._max_channels:
            return False
        if len(pieces) > 1 and len({piece.channel for piece in pieces}) < len(pieces):
            return False
        texts = []
        for piece in pieces:
            if piece.json and "\\" in piece.text:  # what an escape stands for is looked at as well
                return False
            texts.append(piece.text)
        try:
            return self._inspection.nothing_in(texts, self._work)
        except TooManyReports:
            return False

    def _hold(self, event: Event, pieces: Sequence[Piece]) -> None:
        placed = []
        # of an answer that is not streamed nothing follows, so each of its texts is judged once, as a whole
        final = not event.framed and len({piece.channel for piece in pieces}) == len(pieces)
        for piece in pieces:
            text = piece.text
            if not text:
                continue
            channel = self._channels.get((piece.channel, piece.json))
            if channel is None:
                channel = self._open(piece)
            start = channel.length
            self._advance(channel, text, final=final)
            placed.append((channel, piece, start, channel.length))
        size = len(event.raw) if event.framed else 0
        self._held.append(_Held(event, placed, size))
        self._held_bytes += size

    def _advance(self, channel: TextChannel, text: str, *, final: bool) -> None:
        try:
            channel.feed(text, final=final)
        except TooManyReports:
            self._refuse("max_candidates")
        ledger = channel.ledger
        if ledger.blocked:
            self._block()
        if ledger.kept:
            self._tainted = True

    def _open(self, piece: Piece) -> TextChannel:
        if len(self._channels) >= self._max_channels:
            self._refuse("max_answer_channels")
        channel = (JsonChannel if piece.json else TextChannel)(self._inspection, self._work)
        self._channels[piece.channel, piece.json] = channel
        return channel

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

    def _block(self) -> None:
        self._denied = self.decision()
        raise Denied(self._denied)

    def _refuse(self, bound: str) -> None:
        found = self.decision()
        detail = {**found.detail, "bound": bound} if bound else found.detail
        self._denied = Decision(Verdict.DENY, Reason.ANSWER_BLOCKED, detail)
        raise Denied(self._denied)
