"""The views of a text that arrives in pieces: made only where it is not ordinary prose, and done without again."""

import re

from sluicegate.dlp.candidates import Work
from sluicegate.dlp.encodings import inside
from sluicegate.dlp.engine import EDGE, Hit
from sluicegate.dlp.normalise import folding, quoting
from sluicegate.dlp.normalise_view import Inner, View
from sluicegate.dlp.normalise_where import CALM
from sluicegate.dlp.packs import CONTEXT_REACH
from sluicegate.dlp.reading import SHORTEST
from sluicegate.dlp.selection import Scan

_KEPT = 4 * CONTEXT_REACH
_DIGIT = re.compile("[0-9]")


class Views:
    """Positions count the characters of the text from its beginning."""

    def __init__(self, scanner: Scan, inner: Inner | None, longest: int, work: Work) -> None:
        """`inner` finds within what is decoded; None where nothing is to be decoded. `longest` bounds a run."""
        self._scanner = scanner
        self._inner = inner
        self._longest = longest
        self._work = work
        self._tail = EDGE
        self._base = -1
        self._views: list[View] = []
        self._rules_low = 0
        self.low = 0
        """From where on more text may still make a finding."""

    def feed(self, text: str, plain: int, *, final: bool) -> list[Hit]:
        """Take more; what it completes. `plain` is from where on the text as it stands is open. Raises TooManyReports."""
        tail = self._tail = self._tail + text
        base = self._base
        if not self._views:
            held = tail[self.low - base :]
            if len(held) < SHORTEST and held.isascii() and held.replace(" ", "").isalpha():  # as `CALM` says, but faster
                self.low = base + (len(tail) if final else max(self.low - base, tail.rfind(" ") + 1))
                self._rules_low = min(plain, self.low)
                return []
            calm = CALM.match(tail, self.low - base)
            if calm is not None and not (final and _telling(tail, calm.start("open"))):
                self.low = base + (len(tail) if final else calm.start("open"))
                self._rules_low = min(plain, self.low)
                if len(tail) > _KEPT:
                    self._forget(self._rules_low)
                return []
        if not self._views:
            at = self.low - base
            before, text = tail[:at], tail[at:]
            low = self._rules_low - base
            self._views = [View(stages(before), self._scanner, before, self.low, low) for stages in (folding, quoting)]
        return self._look(text, plain, final=final)

    def _look(self, text: str, plain: int, *, final: bool) -> list[Hit]:
        hits: list[Hit] = []
        work = self._work
        for view in self._views:
            hits += view.feed(text, work, final=final, plain=plain)
        first = self._views[0]
        if self._inner is not None:
            hits += first.decode(self._inner, self._longest, work, final=final)
            hits += first.join(self._inner, final=final)
        for view in self._views if self._inner is None else self._views[1:]:
            view.skip()
        run, number = first.lexed
        rules = min(view.low for view in self._views)
        self.low = min(rules, run, number)
        self._sleep(rules, run, number)
        for view in self._views:
            view.drop()
        self._forget(min(self.low, rules))
        return hits

    def _sleep(self, rules: int, run: int, number: int) -> None:
        """Make do without views again where all of them are as the text is, and what is open needs no memory."""
        low, high = min(run, number), max(run, number)
        tail, at = self._tail, low - self._base
        if not all(view.plain for view in self._views) or _DIGIT.search(tail, at, high - self._base) or inside(tail, at):
            return
        self._views = []
        self.low, self._rules_low = low, min(rules, low)

    def _forget(self, low: int) -> None:
        drop = low - _KEPT // 2 - self._base
        if drop > 0:
            self._tail = self._tail[drop:]
            self._base += drop


def _telling(tail: str, at: int) -> bool:
    """Whether what was open when the text ended may hold something after all: a number, or enough to be decoded."""
    return len(tail) - at >= SHORTEST or _DIGIT.search(tail, at) is not None
