"""Placeholders in an answer give way to the values they stand for, wherever the answer is cut."""

import json
import re
from collections.abc import Mapping, Sequence

from sluicegate.core.decision import Reason, deny
from sluicegate.core.dialect import Dialect, Piece
from sluicegate.core.errors import Denied
from sluicegate.core.event import Event
from sluicegate.dlp.hold import Holder
from sluicegate.dlp.rendered import SourceEdit, rendered
from sluicegate.dlp.vault import PLACEHOLDER

_ESCAPED = re.compile(r"(?:<|\\u003[cC])(?P<name>[A-Z][A-Z0-9_]{0,31}_[1-9][0-9]{0,8})(?:>|\\u003[eE])|\\.", re.DOTALL)
"""A placeholder in JSON source, whose brackets some models escape; or an escape, which keeps `\\\\u003c` from being one."""
_UNIT = re.compile(r"(?P<opening><|\\u003[cC])|(?P<cut>\\(?:u[0-9a-fA-F]{0,3})?\Z)|\\.", re.DOTALL)
"""An opening bracket, an escape that the end of the text cuts off, or any other escape."""
_CUT = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_CUT_LENGTH = 5
"""The most characters of an escape that the end of the text cuts off."""


class Values:
    """The values of one exchange by placeholder, and how far the beginning of one may go on."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.longest = max(map(len, values), default=0)
        """Characters of the longest placeholder: where more than that follow, nothing is open."""
        self._beginnings = {name[:end] for name in values for end in range(1, len(name))}

    def begins(self, text: str) -> bool:
        """Whether more text could make one of the placeholders out of `text`."""
        return text in self._beginnings


class RestoringText:
    """One text of an answer, in which placeholders give way to values."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self.length = 0
        self.mark = 0
        self.final = False
        self.edits: list[SourceEdit] = []
        self._open = ""

    def feed(self, source: str, *, final: bool = False) -> None:
        """Take more of the text; with `final` there will be none."""
        text = self._open + source
        self.length += len(source)
        self.final = final
        self.edits += [(self.mark + start, self.mark + end, value) for start, end, value in self._found(text)]
        end = len(text) if final else self._decided(text)
        self.mark += end
        self._open = text[end:]

    @property
    def waits(self) -> bool:
        """Whether it ends with what may become a placeholder."""
        return bool(self._open)

    def render(self, start: int, source: str) -> str | None:
        """What a piece that is all decided gives way to; None where it stays."""
        return rendered(self.edits, start, source)

    def _found(self, text: str) -> list[SourceEdit]:
        if "<" not in text:
            return []
        known = self._values.values
        return [(m.start(), m.end(), known[m[0]]) for m in PLACEHOLDER.finditer(text) if m[0] in known]

    def _decided(self, text: str) -> int:
        """The index from which more text could still complete a placeholder."""
        at = text.find("<", max(0, len(text) - self._values.longest))
        while at >= 0:
            if self._values.begins(text[at:]):
                return at
            at = text.find("<", at + 1)
        return len(text)


class RestoringJson(RestoringText):
    """The same for JSON source: a value stands in a string, and is escaped so."""

    def _found(self, text: str) -> list[SourceEdit]:
        known = self._values.values
        return [
            (match.start(), match.end(), json.dumps(value, ensure_ascii=False)[1:-1])
            for match in _ESCAPED.finditer(text)
            if match["name"] is not None and (value := known.get(f"<{match['name']}>")) is not None
        ]

    def _decided(self, text: str) -> int:
        late = len(text) - self._values.longest - _CUT_LENGTH
        for unit in _UNIT.finditer(text):
            if unit["cut"] is not None:
                return unit.start()
            if (
                unit["opening"] is not None
                and unit.end() >= late
                and self._values.begins("<" + _CUT.sub("", text[unit.end() :]))
            ):
                return unit.start()
        return len(text)


class RestoreGuard(Holder[RestoringText]):
    """Gives one answer its values back. It comes after inspection: what the client sent is not inspected again.

    Holds back only what may become a placeholder of this exchange.
    """

    def __init__(self, values: Mapping[str, str], dialect: Dialect, max_channels: int, max_held_bytes: int) -> None:
        """Where more than `max_held_bytes` would wait, what is cut off by then is left as it is."""
        super().__init__(dialect)
        self._values = Values(values)
        self._max_channels = max_channels
        self._max_held = max_held_bytes

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        """Take the next events; return those that may leave now, in order."""
        leaving: list[Event] = []
        for event in events:
            pieces = self._dialect.pieces(event)
            if not event.framed:
                self._leave(leaving, event, changed=self._at_once(pieces))
            else:
                self._hold([(event, pieces)])  # each by itself: a channel that waits for nothing may be given up for another
                self._release(leaving)
        if self._held_bytes > self._max_held:
            leaving += self._rest()
        return leaving

    def flush(self) -> Sequence[Event]:
        """The answer is over: return the rest."""
        return self._rest()

    def _at_once(self, pieces: Sequence[Piece]) -> bool:
        """Restore each text of an answer that is not streamed; whether there was any to restore."""
        changed = False
        for piece in pieces:
            if piece.sealed:
                continue
            text = self._new(piece)
            self._advance(text, piece.text, final=True)
            restored = text.render(0, piece.text)
            if restored is not None:
                piece.holder[piece.key] = restored
                changed = True
        return changed

    def _open(self, piece: Piece) -> RestoringText:
        if len(self._channels) >= self._max_channels:  # one that ended between placeholders may begin anew
            self._channels = {name: channel for name, channel in self._channels.items() if channel.waits}
            if len(self._channels) >= self._max_channels:
                raise Denied(deny(Reason.ANSWER_BLOCKED, bound="max_answer_channels"))
        return self._new(piece)

    def _new(self, piece: Piece) -> RestoringText:
        return (RestoringJson if piece.json else RestoringText)(self._values)

    def _advance(self, channel: RestoringText, text: str, *, final: bool) -> None:
        channel.feed(text, final=final)
        if channel.edits:
            self._tainted = True
