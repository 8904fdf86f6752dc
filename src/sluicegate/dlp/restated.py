"""Texts that an answer says more than once: judged the first time, and read the same every time.

A stream of the Responses API brings a text in pieces, then whole three times more, and repeats fields of the request. Guards
see each text once; where it comes again, the client reads what it has read before.
"""

from collections.abc import Awaitable, Sequence

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import Json, Piece, Restating
from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event
from sluicegate.core.stage import Guard

_NOTHING: frozenset[str] = frozenset()


class _Said(msgspec.Struct, gc=False):
    """One text of the answer: what came of it, what of it has left, and whether it is whole."""

    came: list[str]
    left: list[str]
    over: bool = False


class _Kept(msgspec.Struct, gc=False):
    """What one event says for the first time, what it says again, and what is only the request's own."""

    event: Event
    first: list[tuple[_Said, Piece]]
    again: list[tuple[_Said, Piece]]
    echoes: list[Piece]


class Restated:
    """Wraps a guard, which then sees the texts of each event that no event before it has said.

    What is said again and differs is a text of its own. Raises UpstreamError for a text that goes on after its end.
    """

    def __init__(self, guard: Guard, dialect: Restating, sent: Json, *, judging: bool = True, bound: bool = False) -> None:
        """Where the guard is `judging`, it does not see again what the answer repeats of the request, `sent`.

        `bound`: the system prompt is the gateway's, and not repeated to the client.
        """
        self._guard = guard
        self._dialect = dialect
        self._sent = sent
        self._judging = judging
        self._bound = bound
        self._seals = dialect.seals(sent)
        self._texts: dict[tuple[str, bool], _Said] = {}
        self._kept: dict[int, _Kept] = {}

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        """Take the next events; return those that may leave now, in order."""
        for event in events:
            if self._bound and self._dialect.unsay_prompt(event):
                event.rewrite()
            if event.framed:
                self._take(event)
        return self._give(self._guard.feed(events))

    async def flush(self) -> Sequence[Event]:
        """The answer is over: return the rest."""
        rest = self._guard.flush()
        return self._give(await rest if isinstance(rest, Awaitable) else rest)

    def _take(self, event: Event) -> None:
        """Leave to the guard what is said for the first time."""
        pieces = self._dialect.pieces(event)
        if not pieces:
            return
        kept = _Kept(event, [], [], [])
        endings: list[Piece] = []
        repeats = self._judging and any(piece.again for piece in pieces)
        echoed = frozenset(self._dialect.echoed(event, self._sent)) if repeats else _NOTHING
        for piece in pieces:
            if not piece.text:
                continue
            if not self._seals:
                piece.sealed = False
            if piece.channel in echoed:
                kept.echoes.append(piece)
                continue
            name = piece.channel, piece.json
            said = self._texts.get(name)
            if said is None:
                said = self._texts[name] = _Said([], [])
            if not piece.again:
                if said.over:
                    raise UpstreamError(Reason.UPSTREAM_INVALID, "The provider's answer goes on after its end.")
            elif said.came:
                said.over = True
                if "".join(said.came) == piece.text:
                    kept.again.append((said, piece))
                    endings.append(Piece(piece.channel, None, "", "", piece.json, again=True))
                    continue
                said = self._apart(piece)
            said.over = piece.again
            said.came.append(piece.text)
            kept.first.append((said, piece))
        pieces[:] = [*(piece for _, piece in kept.first), *endings]
        self._kept[id(event)] = kept

    def _apart(self, piece: Piece) -> _Said:
        """A text that is not what came before under its name: another name, and a text of its own."""
        piece.channel = f"{piece.channel}#{len(self._texts)}"
        said = self._texts[piece.channel, piece.json] = _Said([], [])
        return said

    def _give(self, events: Sequence[Event]) -> Sequence[Event]:
        """Have what is said again read as it did the first time."""
        for event in events:
            kept = self._kept.pop(id(event), None)
            if kept is None:
                continue
            for said, piece in kept.first:
                said.left.append(piece.holder[piece.key])
            changed = False
            for said, piece in kept.again:
                text = "".join(said.left)
                if text != piece.text:
                    piece.holder[piece.key] = text
                    changed = True
            if changed:
                event.rewrite()
            elif event.told is not None:
                pieces = [piece for _, piece in (*kept.first, *kept.again)]
                self._dialect.pieces(event)[:] = [*pieces, *kept.echoes]
        return events
