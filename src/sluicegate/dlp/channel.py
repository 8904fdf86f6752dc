"""One text of an answer as it arrives in pieces: how far it is decided, and what of it is redacted."""

from collections.abc import Iterator

from sluicegate.dlp.candidates import Work, grouped
from sluicegate.dlp.engine import EDGE, Hit
from sluicegate.dlp.findings import Edit, Ledger, order
from sluicegate.dlp.inspection import Inspection, in_order
from sluicegate.dlp.packs import CONTEXT_REACH
from sluicegate.dlp.rendered import SourceEdit, rendered

_AT_ONCE = 1_024
"""The most characters that are looked at in one go; more is as if it came in pieces."""


class TextChannel:
    """A channel whose source is the text itself. Positions count the characters of the source from its beginning."""

    def __init__(self, inspection: Inspection, work: Work | None = None) -> None:
        """`work` is shared by the channels of an answer; whoever owns it fills it up again for each event."""
        self._work = work or inspection.work()
        self._scanner = inspection.scanner
        self.ledger: Ledger = inspection.ledger()
        self.length = 0
        """How much of the source has arrived."""
        self.mark = 0
        """How much of it is decided."""
        self.final = False
        """Whether it is complete."""
        self.edits: list[SourceEdit] = []
        """Of decided source, not rendered yet; none overlap."""
        self._window = EDGE  # the text, from what is kept as context on; its first character only as a neighbour
        self._base = -1  # the position of the window's first character
        self._seen = 0  # how much of the text was scanned for ends
        self._settled = 0  # like `mark`, in the text
        self._plain = 0  # from where on the text as it stands is open
        self._views = inspection.views(self._work)
        self._waiting: set[Hit] = set()  # those that other findings may still come before
        self._last = False  # whether nothing of the text follows
        self._pending: list[Edit] = []
        self._covering: list[Edit] = []

    def feed(self, source: str, *, final: bool = False) -> None:
        """Take more of the source; with `final` there will be none, and everything is decided. Raises TooManyReports."""
        self.length += len(source)
        self.final = final
        self._advance(source, final)
        self.mark = self._settled

    def render(self, start: int, source: str) -> str | None:
        """What the piece `source`, which stands at `start` and is all decided, gives way to; None where it stays.

        To be asked for every piece that has text, in order.
        """
        return rendered(self.edits, start, source)

    def _advance(self, text: str, final: bool) -> None:
        """Find what the new text completes, and move the mark to where more text could still change something."""
        while len(text) > _AT_ONCE:
            self._look(text[:_AT_ONCE], final=False)
            text = text[_AT_ONCE:]
        self._look(text, final=final)

    def _look(self, text: str, *, final: bool) -> None:
        self._last = final
        self._plain = self._scan(text, final)
        views = self._views
        if hits := views.feed(text, self._plain, final=final):
            self._waiting.update(hits)
        at = self._plain if self._plain < views.low else views.low
        if self._waiting:
            self._take(self._seen + 1 if final else at)
            at = min(at, *(hit.start for hit in self._waiting)) if self._waiting else at
        self._settle(at)

    def _scan(self, text: str, final: bool) -> int:
        """Note the findings that `text` completes; from where on more text could still make one."""
        far = self._plain - CONTEXT_REACH - 1 - self._base
        if far > 0:  # too far back to be context
            self._window = self._window[far:]
            self._base += far
        self._window = window = self._window + text
        base = self._base
        low = self._plain - base
        scanner = self._scanner
        scanned = window + EDGE if final else window
        ends = scanner.ends(scanned, self._work.left)
        self._work.left -= len(ends)
        for end, numbers in grouped(ends) if ends else ():
            if end + base >= self._seen and end > low:
                hits = scanner.confirm(scanned, 0, low, end, numbers)
                self._waiting.update(hit.moved(base) for hit in hits)
        self._seen = base + len(window)
        return self._seen if final else base + low - 1 + scanner.undecided(window[low - 1 :], window[: low - 1])

    def _take(self, before: int) -> None:
        """Work in the findings that end before a position up to which all of them are known."""
        ready = [hit for hit in self._waiting if hit.end < before]
        if ready:
            self._waiting.difference_update(ready)
            self.ledger.take(sorted(ready, key=in_order))

    def _settle(self, settled: int) -> None:
        if self.ledger.edits:
            self._pending.extend(self.ledger.edits)
            self._pending.sort(key=order)
            self.ledger.edits.clear()
        if self._pending or self._covering:
            for start, end, label in self._ranges(self._settled, settled):
                self._apply(start, end, label)
        self._settled = settled

    def _ranges(self, start: int, end: int) -> Iterator[tuple[int, int, str]]:
        """The parts of text[start:end] to redact, in order; those that go on from before have an empty label."""
        at = start
        covered = max((edit.end for edit in self._covering), default=0)
        if covered > at and end > at:
            yield at, min(covered, end), ""
        while self._pending and self._pending[0].start < end:
            edit = self._pending.pop(0)
            self._covering.append(edit)
            if edit.start >= covered:
                yield edit.start, min(edit.end, end), edit.label
            elif edit.end > covered and covered < end:
                yield covered, min(edit.end, end), ""
            covered = max(covered, edit.end)
        self._covering = [edit for edit in self._covering if edit.end > end]

    def _apply(self, start: int, end: int, label: str) -> None:
        self.edits.append((start, end, label))
