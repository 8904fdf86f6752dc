"""One policy's eyes for one direction: its scanner, what it does about each rule, and the texts it has already judged."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import chain

import msgspec

from sluicegate.core.decision import Decision
from sluicegate.dlp.automaton import UNBOUNDED
from sluicegate.dlp.detector import Detector
from sluicegate.dlp.engine import EDGE, Hit, Scanner
from sluicegate.dlp.findings import CLEAN, Action, Found, Ledger, Treatment, merged
from sluicegate.dlp.outcome import PATTERNS_RAN, Reasons, decide
from sluicegate.dlp.policy_file import Subject

REMEMBERED_FROM = 4_096
"""Characters from which on a digest is cheaper than a scan."""

Text = tuple[str, str]
"""What a text is called where it stands (a dictionary key, or empty), which serves as context, and the text."""


class Judged:
    """Texts already judged, by digest; the ones asked for longest ago are forgotten first."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._known: dict[tuple[int, bytes], Found] = {}

    def get(self, key: tuple[int, bytes]) -> Found | None:
        """What was found in the text, if it is still known."""
        found = self._known.pop(key, None)
        if found is not None:
            self._known[key] = found
        return found

    def put(self, key: tuple[int, bytes], found: Found) -> None:
        """Remember."""
        if len(self._known) >= self._bound:
            del self._known[next(iter(self._known))]
        self._known[key] = found

    def __len__(self) -> int:
        return len(self._known)


class Work(msgspec.Struct, gc=False):
    """How many candidates may still be examined without giving the event loop to others."""

    left: int


class Inspection:
    """Finds in texts what a policy names for one direction, and says what is to be done."""

    def __init__(
        self,
        scanner: Scanner,
        treatments: Mapping[str, Action | Treatment],
        max_findings: int,
        judged: Judged,
        max_candidates: int = UNBOUNDED,
        detectors: Sequence[Detector] = (),
    ) -> None:
        """`treatments` has one for every rule of the scanner, and for every signal of the detectors that has an action.

        Findings are counted per index: of `scanner.rules` first, then of those signals.
        """
        self.max_candidates = max_candidates
        self.scanner = scanner
        self.detectors = tuple(detectors)
        signals = [signal for each in detectors for signal in each.signals if signal.id in treatments]
        self.subjects: tuple[Subject, ...] = (*scanner.rules, *signals)
        """What can be found, by index."""
        self.ids = tuple(subject.id for subject in self.subjects)
        self.index = {id: index for index, id in enumerate(self.ids)}
        chosen = [treatments[id] for id in self.ids]
        self.treatments = tuple(each if isinstance(each, Treatment) else Treatment(each) for each in chosen)
        self.actions = tuple(treatment.action for treatment in self.treatments)
        rules = len(scanner.rules)
        self.acts = any(map(_acts, self.treatments[:rules]))
        """Whether a finding of the rules may ever do more than be recorded."""
        self.holds = any(map(_acts, self.treatments[rules:]))
        """Whether one of a detector may."""
        self.tokenises = any(Action.TOKENISE in each.possible for each in self.treatments if not each.shadow)
        self._bound = max_findings
        self._judged = judged

    def ledger(self) -> Ledger:
        """A new ledger for one text."""
        return Ledger(self.scanner.rules, self.treatments, self._bound)

    def work(self) -> Work:
        """What one prompt, or one event of an answer, may cost."""
        return Work(self.max_candidates)

    def demands(self, detector: Detector) -> bool:
        """Whether more than a shadow depends on what the detector finds."""
        return any(not self.treatments[self.index[each.id]].shadow for each in detector.signals if each.id in self.index)

    def find(self, texts: Sequence[Text], work: Work | None = None) -> list[Found]:
        """What is in each of the texts. They are scanned in one go, and none influences another.

        Raises TooManyReports where that takes more than `work` allows (unless given, what one prompt may cost).
        """
        work = work or self.work()
        for _, text in texts:
            if len(text) >= REMEMBERED_FROM:
                return self._recall(texts, work)
        return self._scan(texts, work)

    def _recall(self, texts: Sequence[Text], work: Work) -> list[Found]:
        """What is in texts of which some are long enough to be remembered."""
        results = [CLEAN] * len(texts)
        fresh: list[tuple[int, Text, tuple[int, bytes] | None]] = []
        for index, text in enumerate(texts):
            key = None
            if len(text[1]) >= REMEMBERED_FROM:
                key = (id(self), sha256(f"{text[0]}\0{text[1]}".encode("utf-8", "surrogatepass")).digest())
                known = self._judged.get(key)
                if known is not None:
                    results[index] = known
                    continue
            fresh.append((index, text, key))
        if fresh:
            for (index, _, key), found in zip(fresh, self._scan([text for _, text, _ in fresh], work), strict=True):
                results[index] = found
                if key is not None:
                    self._judged.put(key, found)
        return results

    def _scan(self, texts: Sequence[Text], work: Work) -> list[Found]:
        buffer = f"{EDGE}{EDGE.join(chain.from_iterable(texts))}{EDGE}"
        ends = self.scanner.ends(buffer, work.left)
        results = [CLEAN] * len(texts)
        if not ends:
            return results
        work.left -= len(ends)
        starts: list[int] = []
        at = 1
        for lead, text in texts:
            at += len(lead) + 1
            starts.append(at)
            at += len(text) + 1
        ledgers: dict[int, Ledger] = {}
        for end, numbers in grouped(ends):
            index = bisect_right(starts, end) - 1
            if index < 0 or end > starts[index] + len(texts[index][1]):
                continue  # within a lead, which is looked at on its own where it is governed text
            low = starts[index]
            if index not in ledgers:
                ledgers[index] = self.ledger()
            hits = self.scanner.confirm(buffer, low - 1 - len(texts[index][0]), low, end, numbers)
            ledgers[index].take(Hit(hit.rule, hit.start - low, hit.end - low, hit.closing) for hit in hits)
        for index, ledger in ledgers.items():
            if ledger.counts:
                edits = merged(ledger.edits, len(texts[index][1]))
                results[index] = Found(ledger.counts, ledger.blocked, edits)
        return results

    def decide(self, counts: Mapping[int, int], reasons: Reasons, detectors: tuple[str, ...] = (PATTERNS_RAN,)) -> Decision:
        """The decision that findings amount to. `detectors` has the verdict of the rules, and of each detector."""
        return decide(self.ids, self.treatments, counts, reasons, detectors)


def _acts(treatment: Treatment) -> bool:
    return not treatment.shadow and not treatment.possible <= {Action.ALLOW, Action.ALERT}


def grouped(ends: Sequence[tuple[int, int]]) -> Iterator[tuple[int, list[int]]]:
    """The patterns' numbers per end."""
    at, numbers = -1, list[int]()
    for end, number in ends:
        if end != at and numbers:
            yield at, numbers
            numbers = []
        at = end
        numbers.append(number)
    if numbers:
        yield at, numbers
