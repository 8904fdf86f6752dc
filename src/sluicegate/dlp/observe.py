"""Looking at an answer without touching it: for policies that only record, be it that they alert or are in shadow."""

from collections.abc import Sequence

from sluicegate.core.dialect import Dialect, Piece
from sluicegate.core.event import Event
from sluicegate.dlp.account import Account
from sluicegate.dlp.automaton import TooManyReports
from sluicegate.dlp.channel import TextChannel
from sluicegate.dlp.json_channel import JsonChannel


class Observer:
    """Passes every event on at once, as it came, and notes what is in it. A bound ends the looking, never the answer."""

    def __init__(self, account: Account, dialect: Dialect, max_channels: int) -> None:
        self._account = account
        self._dialect = dialect
        self._max_channels = max_channels
        self._inspection = account.inspection
        self._work = account.inspection.work()
        self._channels: dict[tuple[str, bool], TextChannel] = {}
        self._over = False

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        """Look at the next events, and return them."""
        if events:
            self._account.ran = True
        for event in events:
            if unread := self._dialect.unread(event):
                self._account.unread(unread)
            if not self._over:
                self._work.left = self._inspection.max_candidates
                for piece in self._dialect.pieces(event):
                    if piece.text:
                        self._look(piece)
        return events

    def flush(self) -> Sequence[Event]:
        """The answer is over: look at what is open. Nothing was held."""
        self._work.left = self._inspection.max_candidates
        for channel in self._channels.values():
            self._advance(channel, "", final=True)
        return ()

    def _look(self, piece: Piece) -> None:
        channel = self._channels.get((piece.channel, piece.json))
        if channel is None:
            if len(self._channels) >= self._max_channels:
                self._stop("max_answer_channels")
                return
            channel = (JsonChannel if piece.json else TextChannel)(self._inspection, self._work)
            self._account.ledger(channel.ledger)
            self._channels[piece.channel, piece.json] = channel
        self._advance(channel, piece.text, final=False)

    def _advance(self, channel: TextChannel, text: str, *, final: bool) -> None:
        if self._over:
            return
        try:
            channel.feed(text, final=final)
        except TooManyReports:
            self._stop("max_candidates")

    def _stop(self, bound: str) -> None:
        self._over = True
        self._account.beyond(bound)
