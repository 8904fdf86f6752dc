"""One view of a text as it arrives in pieces, and what the rules find in it, in places of the original."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from sluicegate.dlp.candidates import Work, grouped
from sluicegate.dlp.encodings import readings, runs
from sluicegate.dlp.engine import EDGE, Hit
from sluicegate.dlp.normalise import Stage
from sluicegate.dlp.packs import CONTEXT_REACH
from sluicegate.dlp.selection import Scan
from sluicegate.dlp.spread import Number, numbers

Inner = Callable[[Sequence[tuple[str, str]]], Mapping[int, Sequence[Hit]]]
"""What the rules find in texts of their own, per index: of each what stands before it, and the text."""
_AT_ONCE = 64
"""Such texts that are looked at in one go."""


class View:
    """Fed piece by piece. Positions that leave it are of the original; those within are of the view's own text."""

    def __init__(self, stages: Sequence[Stage], scanner: Scan, before: str, at: int, low: int) -> None:
        """`before` stands before what will be fed, which starts at `at`. No finding starts before `low` (of `before`)."""
        self._stages = stages
        self._scanner = scanner
        self.text = before
        self.starts = list(range(at - len(before), at))
        self.end = at
        """How much of the original was fed."""
        self._low = low
        self._seen = len(before)  # how much was looked at for ends of matches
        self._changed = 0  # behind the last character that is not as in the original
        self.run_at = self.number_at = len(before)
        """From where on runs and spread numbers are not told yet."""

    def feed(self, text: str, work: Work, *, final: bool, plain: int, only: bool = False) -> list[Hit]:
        """Take more; what it completes. `plain` is from where on the original alone is open. Raises TooManyReports.

        With `only` nothing more is fed, though more may follow in the original.
        """
        starts = list(range(self.end, self.end + len(text)))
        self.end += len(text)
        touched = False
        for stage in self._stages:
            text, starts = stage.feed(text, starts, final=final)
            touched |= stage.touched
        self.text += text
        self.starts += starts
        if touched:
            self._changed = len(self.text)
        if not self.plain:
            return self._scan(work, final=final, only=only)
        self._seen = len(self.text)
        self._low = max(self._low, min(len(self.text), bisect_left(self.starts, plain)))
        return []

    def decode(self, inner: Inner, longest: int, work: Work, *, final: bool) -> list[Hit]:
        """What stands in runs of encoded text, as places of whole runs. Raises TooManyReports."""
        found, at = runs(self.text, self.run_at, longest, final=final)
        told = (Number(*run, (reading,)) for run in found for reading in readings(self.text[slice(*run)], work))
        hits: list[Hit] = []
        for run, _, within in self._within(inner, told):
            hits += self._whole(run.start, run.end, {hit.rule for hit in within})
        self.run_at = at
        return hits

    def join(self, inner: Inner, *, final: bool) -> list[Hit]:
        """What stands in numbers whose digits are spread."""
        hits: list[Hit] = []
        found, at = numbers(self.text, self.number_at, final=final)
        for number, joined, within in self._within(inner, found):
            for hit in within:
                kind = self._scanner.rules[hit.rule].kind
                if hit.end - hit.start == len(joined) and (not number.kinds or kind in number.kinds):
                    hits.append(self._placed(hit.rule, number.start, number.end))
        self.number_at = at
        return hits

    def _within(self, inner: Inner, parts: Iterable[Number]) -> Iterator[tuple[Number, str, Sequence[Hit]]]:
        """Each of the parts, a text of it, and what is found in that. Many are looked at in one go."""
        every = iter(parts)
        while several := tuple(islice(every, _AT_ONCE)):
            asked = [(part, text) for part in several for text in part.joined if not self._alone(part, text)]
            hits = inner([(self._before(part.start), text) for part, text in asked])
            for index in sorted(hits):
                yield *asked[index], hits[index]

    def _alone(self, part: Number, text: str) -> bool:
        """Whether the part stands alone and as it is told: it was looked at already."""
        around = self.text[part.start - 1 : part.start], self.text[part.end :]
        return around == (EDGE, "") and self.text[part.start : part.end] == text

    def skip(self) -> None:
        """Look for neither."""
        self.run_at = self.number_at = len(self.text)

    @property
    def low(self) -> int:
        """From where on in the original more text may still make a finding of the rules in this view."""
        return self._place(self._low)

    @property
    def lexed(self) -> tuple[int, int]:
        """From where on in the original runs, and spread numbers, are open."""
        return self._place(self.run_at), self._place(self.number_at)

    @property
    def plain(self) -> bool:
        """Whether the view is as the original, as far as anything that follows could tell."""
        return not self._changed and not any(stage.rest for stage in self._stages)

    def drop(self) -> None:
        """Forget what is too far back to be context."""
        drop = min(self._low, self.run_at, self.number_at) - CONTEXT_REACH - 2
        if drop > 0:
            self.text = self.text[drop:]
            del self.starts[:drop]
            for stage in self._stages:
                stage.gaps.forget(self._place(0))
            self._low -= drop
            self._seen -= drop
            self._changed = max(0, self._changed - drop)
            self.run_at -= drop
            self.number_at -= drop

    def _whole(self, start: int, end: int, found: Iterable[int]) -> Iterator[Hit]:
        """The run text[start:end] as a finding of each of the rules; one that goes on until something ends with the run."""
        for rule in found:
            hit = self._placed(rule, start, end)
            yield hit
            if self._scanner.rules[rule].until is not None:
                yield Hit(rule, hit.end, hit.end, closing=True)

    def _before(self, start: int) -> str:
        return self.text[max(0, start - CONTEXT_REACH) : start]

    def _scan(self, work: Work, *, final: bool, only: bool) -> list[Hit]:
        base = max(0, self._low - CONTEXT_REACH - 1)
        window = self.text[base:]
        scanned = window + EDGE if final else window
        low = self._low - base
        ends = self._scanner.ends(scanned, work.left)
        work.left -= len(ends)
        hits: list[Hit] = []
        for end, which in grouped(ends):
            if end + base >= self._seen and end > low:
                hits += [self._original(hit.moved(base)) for hit in self._scanner.confirm(scanned, 0, low, end, which)]
        self._seen = len(self.text)
        if not only:
            self._low = self._seen if final else base + low - 1 + self._scanner.undecided(window[low - 1 :])
        return hits

    def _original(self, hit: Hit) -> Hit:
        """The hit, in places of the original."""
        value = None if hit.value is None else self._span(*hit.value)
        return Hit(hit.rule, *self._span(hit.start, hit.end), hit.closing, value)

    def _placed(self, rule: int, start: int, end: int) -> Hit:
        return Hit(rule, *self._span(start, end))

    def _span(self, start: int, end: int) -> tuple[int, int]:
        """Where text[start:end] stands in the original."""
        starts = self.starts
        while end < len(starts) and starts[end] == starts[end - 1]:
            end += 1  # a character of the original is taken whole
        stop = self._place(end)
        for stage in reversed(self._stages):
            stop = stage.gaps.before(stop)
        return self._place(start), stop

    def _place(self, index: int) -> int:
        if index < len(self.starts):
            return self.starts[index]
        for stage in reversed(self._stages):
            if stage.rest:
                return stage.since
        return self.end
