"""The stream guard: nothing of an answer leaves before it is decided, and nothing is held that can no longer change.

The law: cutting the same answer into other pieces never changes what the client reads, and it equals treating the whole text
at once.
"""

from collections.abc import Callable, Sequence

from sluicegate.core.decision import Decision
from sluicegate.core.dialect import Dialect, Piece
from sluicegate.core.event import Event
from sluicegate.dlp.account import Account, nothing_refused
from sluicegate.dlp.automaton import TooManyReports
from sluicegate.dlp.channel import TextChannel
from sluicegate.dlp.hold import Holder
from sluicegate.dlp.inspection import Inspection
from sluicegate.dlp.json_channel import JsonChannel


class StreamGuard(Holder[TextChannel]):
    """Filters one answer. Raises Denied as soon as something that policy blocks is found, or a bound is exceeded."""

    def __init__(
        self,
        inspection: Inspection,
        dialect: Dialect,
        max_channels: int,
        max_held_bytes: int,
        *,
        refuses: Callable[[str], bool] = nothing_refused,
        account: Account | None = None,
    ) -> None:
        """`max_held_bytes` bounds what may wait of a streamed answer; `refuses` says what must be readable.

        An `account` that others share is used in place of one of its own, and then says what must be readable.
        """
        super().__init__(dialect)
        self._account = account or Account(inspection, refuses)
        self._inspection = inspection
        self._max_channels = max_channels
        self._max_held = max_held_bytes
        self._work = inspection.work()

    @property
    def ran(self) -> bool:
        """Whether any event has come."""
        return self._account.ran

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        """Take the next events; return those that may leave now, in order. Raises Denied."""
        if not events:
            return ()
        dialect = self._dialect
        self._account.ran = True
        self._work.left = self._inspection.max_candidates * len(events)
        taken: list[tuple[Event, Sequence[Piece]]] = []
        for event in events:
            if unread := dialect.unread(event):
                self._account.unread(unread)
            pieces = dialect.pieces(event)
            if not event.framed and len(events) == 1 and self._nothing_in(pieces):
                return events
            taken.append((event, pieces))
        self._hold(taken)
        leaving: list[Event] = []
        self._release(leaving)
        if self._held_bytes > self._max_held:
            self._account.refuse("max_held_bytes")
        return leaving

    def flush(self) -> Sequence[Event]:
        """The answer is over: decide what is open and return the rest. Raises Denied."""
        self._work.left = self._inspection.max_candidates
        return self._rest()

    def decision(self) -> Decision:
        """What was found so far, or in the whole answer once it is flushed."""
        return self._account.decision()

    def _keep_sealed(self) -> None:
        self._account.refuse_sealed()

    def _nothing_in(self, pieces: Sequence[Piece]) -> bool:
        """Whether an answer that is not streamed surely holds nothing to be found, told by one scan of all its texts.

        Nothing follows such an answer, so it then takes no channels; where in doubt, the channels decide.
        """
        if self._channels or self._held or len(pieces) > self._max_channels:
            return False
        if not pieces:
            return True
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

    def _open(self, piece: Piece) -> TextChannel:
        if len(self._channels) >= self._max_channels:
            self._account.refuse("max_answer_channels")
        channel = (JsonChannel if piece.json else TextChannel)(self._inspection, self._work)
        self._account.ledger(channel.ledger)
        return channel

    def _advance(self, channel: TextChannel, text: str, *, final: bool) -> None:
        try:
            channel.feed(text, final=final)
        except TooManyReports:
            self._account.refuse("max_candidates")
        ledger = channel.ledger
        if ledger.blocked:
            self._account.block()
        if ledger.kept:
            self._tainted = True
