"""Detectors that look at whole texts: the answer is held to its end where they may change it, else only read along."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.dialect import Dialect, Piece, Place
from sluicegate.core.event import Event
from sluicegate.dlp.account import Account
from sluicegate.dlp.detector import Detection, Passage
from sluicegate.dlp.findings import EDITING, Action, Edit, merged, redact
from sluicegate.dlp.rendered import SourceEdit, rendered

_encode = msgspec.json.Encoder().encode


class _String(msgspec.Struct, frozen=True):
    """A string inside a document: what holds it, under which key; or (`is_key`) that key itself."""

    holder: Any
    key: Any
    text: str
    is_key: bool = False

    def replace(self, found: Sequence[Edit]) -> None:
        """Do the edits in the document."""
        new = redact(self.text, found)
        if not self.is_key:
            self.holder[self.key] = new
        elif new != self.key:
            while new in self.holder:
                new += "_"
            self.holder[new] = self.holder.pop(self.key)


def _single(pairs: list[tuple[str, Any]]) -> None:
    """Raises ValueError for an object in which a key stands twice: one of the two values would not be looked at."""
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice")


class _Text:
    """One text of an answer: its pieces, and what of it is looked at (the strings inside, where it is JSON)."""

    __slots__ = ("document", "first", "json", "length", "parts", "pieces", "strings")

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.parts: list[str] = []
        self.pieces: list[tuple[Event, Piece, int]] = []
        self.length = 0
        self.first = 0
        """The index of its first passage."""
        self.document: Any = None
        self.strings: list[_String] = []

    def passages(self) -> list[Passage]:
        """What detectors are asked about."""
        source = "".join(self.parts)
        if not self.json:
            return [Passage(source, Place.ASSISTANT)]
        try:
            self.document = [msgspec.json.decode(source)]
            json.loads(source, object_pairs_hook=_single)
        except (ValueError, RecursionError):
            self.document = None
            return [Passage(source, Place.TOOL_ARGUMENTS)]
        self.strings = _strings(self.document)
        return [Passage(each.text, Place.TOOL_ARGUMENTS) for each in self.strings]

    def edited(self, edits: Mapping[int, Sequence[Edit]]) -> list[SourceEdit]:
        """The edits of the source that those of its passages amount to."""
        if not self.json:
            return [(edit.start, edit.end, edit.label) for edit in edits[self.first]]
        if self.document is None:  # no JSON to be edited: nothing of it stays
            return [(0, self.length, f'"{edits[self.first][0].label}"')]
        for number, found in sorted(edits.items()):  # values come before the keys that lead to them
            self.strings[number - self.first].replace(found)
        return [(0, self.length, _encode(self.document[0]).decode())]


class Reader:
    """Passes every event on, and keeps its texts for the detectors until the exchange is settled."""

    def __init__(self, account: Account, dialect: Dialect, max_channels: int, max_bytes: int) -> None:
        """`max_bytes` bounds what is kept; of more, nothing is looked at."""
        self._account = account
        self._dialect = dialect
        self._max_channels = max_channels
        self._max_bytes = max_bytes
        self._bytes = 0
        self._over = False
        self._texts: dict[tuple[str, bool], _Text] = {}

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        """Read the next events, and return them."""
        if not self._over:
            self._keep(events, all_events=False)
        return events

    def flush(self) -> Sequence[Event]:
        """The answer is over; nothing was held."""
        return ()

    async def settle(self) -> None:
        """Ask the detectors about what was read."""
        if self._texts and not self._over:
            await self._ask()

    def _keep(self, events: Sequence[Event], *, all_events: bool) -> None:
        for event in events:
            self._account.ran = True
            self._bytes += len(event.raw) if all_events and event.framed else 0
            for number, piece in enumerate(self._dialect.pieces(event)):
                if not piece.text:
                    continue
                # nothing follows an answer that is not streamed: each of its texts stands for itself
                name = piece.channel if event.framed else f"{number}.{piece.channel}"
                text = self._texts.get((name, piece.json))
                if text is None:
                    text = self._texts[name, piece.json] = _Text(json=piece.json)
                text.pieces.append((event, piece, text.length))
                text.parts.append(piece.text)
                text.length += len(piece.text)
                self._bytes += 0 if all_events else len(piece.text)
            if len(self._texts) > self._max_channels:
                self._beyond("max_answer_channels")
            elif self._bytes > self._max_bytes and event.framed:
                self._beyond("max_held_bytes")

    def _beyond(self, _bound: str) -> None:
        """Too much to be looked at: the detectors did not run."""
        self._over = True
        self._texts.clear()

    async def _ask(self) -> Mapping[int, list[Detection]]:
        """What the detectors find that policy names, by passage."""
        passages: list[Passage] = []
        for text in self._texts.values():
            text.first = len(passages)
            passages += text.passages()
        account, inspection = self._account, self._account.inspection
        if inspection.panel is None:
            return {}
        asked = await inspection.panel.ask(passages)
        account.detectors = asked.verdicts[1:]
        self._failed(inspection.refuses(asked.refused_by))
        found: dict[int, list[Detection]] = {}
        for each in asked.detections:
            if each.signal in inspection.index:
                found.setdefault(each.passage, []).append(each)
        account.found(inspection.index[each.signal] for several in found.values() for each in several)
        return found

    def _failed(self, demanded: bool) -> None:
        """A detector could not look; `demanded` says that policy wants its word."""


class WholeGuard(Reader):
    """Holds the answer to its end, and asks the detectors about all of it before any of it leaves."""

    def __init__(self, account: Account, dialect: Dialect, max_channels: int, max_bytes: int) -> None:
        """`max_bytes` bounds what may wait of a streamed answer. Raises Denied for more."""
        super().__init__(account, dialect, max_channels, max_bytes)
        self._held: list[Event] = []

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        """Take the next events; none leaves yet. Raises Denied for more than the bounds."""
        self._held += events
        self._keep(events, all_events=True)
        return ()

    async def flush(self) -> Sequence[Event]:  # type: ignore[override]  # it must wait for the detectors
        """The answer is over: all of it, with what policy redacts taken out. Raises Denied."""
        found = await self._ask() if self._texts else {}
        edits = {passage: edited for passage, several in found.items() if (edited := self._edits(several))}
        if edits:
            self._apply(edits)
        held, self._held = self._held, []
        return held

    async def settle(self) -> None:
        """Everything was asked at the end of the answer."""

    def _edits(self, found: Sequence[Detection]) -> tuple[Edit, ...]:
        inspection, tally = self._account.inspection, self._account.tally
        edits = []
        for each in found:
            index = inspection.index[each.signal]
            treatment, subject = inspection.treatments[index], inspection.subjects[index]
            action = treatment.at(tally.get(treatment.group, 1))
            if treatment.shadow:
                continue
            if action is Action.BLOCK:
                self._account.block()
            if action in EDITING:
                edits.append(Edit(each.start, each.end, subject.rank, subject.replacement))
        return merged(edits, max((edit.end for edit in edits), default=0))

    def _apply(self, edits: Mapping[int, Sequence[Edit]]) -> None:
        changed: set[int] = set()
        texts = sorted(self._texts.values(), key=lambda text: text.first)
        ends = [text.first for text in texts[1:]] + [1 << 60]
        for text, end in zip(texts, ends, strict=True):
            mine = {number: each for number, each in edits.items() if text.first <= number < end}
            source = text.edited(mine) if mine else []
            for event, piece, start in text.pieces:
                if source and (new := rendered(source, start, piece.text)) is not None:
                    if piece.sealed:
                        self._account.refuse_sealed()
                    piece.holder[piece.key] = new
                    changed.add(id(event))
        for event in self._held:
            if self._dialect.redacted(event) or id(event) in changed:
                event.rewrite()

    def _beyond(self, _bound: str) -> None:
        self._account.refuse(_bound)

    def _failed(self, demanded: bool) -> None:
        if demanded:
            self._account.refuse("", Reason.CONTROL_FAILED)


def _strings(document: Any) -> list[_String]:
    """Every string below `document`, then every key."""
    found, keys = [], []
    stack = [document]
    while stack:
        holder = stack.pop()
        for key, value in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            if isinstance(key, str) and key:
                keys.append(_String(holder, key, key, is_key=True))
            if isinstance(value, str):
                found.append(_String(holder, key, value))
            elif isinstance(value, dict | list):
                stack.append(value)
    return found + keys
