"""One policy's eyes for one direction: its scanner, what it does about each rule, and the texts it has already judged."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import chain

import msgspec

from sluicegate.core.decision import Decision, Reason, Verdict
from sluicegate.dlp.automaton import UNBOUNDED
from sluicegate.dlp.engine import EDGE, Hit, Scanner
from sluicegate.dlp.findings import CLEAN, Action, Found, Ledger, merged

REMEMBERED_FROM = 4_096
"""Characters from which on a digest is cheaper than a scan."""

NOTHING = Decision(Verdict.ALLOW, Reason.ALLOWED, {"inspection": "ran"})
"""Inspected, and nothing found."""

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
        actions: Mapping[str, Action],
        max_findings: int,
        judged: Judged,
        max_candidates: int = UNBOUNDED,
    ) -> None:
        """`actions` has one for every rule of the scanner."""
        self.max_candidates = max_candidates
        self.scanner = scanner
        self.actions = tuple(actions[rule.id] for rule in scanner.rules)
        self._bound = max_findings
        self._judged = judged

    def ledger(self) -> Ledger:
        """A new ledger for one text."""
        return Ledger(self.scanner.rules, self.actions, self._bound)

    def work(self) -> Work:
        """What one prompt, or one event of an answer, may cost."""
        return Work(self.max_candidates)

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

    def decide(self, counts: Mapping[int, int], reasons: tuple[Reason, Reason, Reason]) -> Decision:
        """The decision that findings amount to. `reasons` are for alerted, redacted and blocked."""
        if not counts:
            return NOTHING
        rules = self.scanner.rules
        detail: dict[str, str | int | tuple[str, ...]] = {"inspection": "ran"}
        worst = Action.ALLOW
        for index in sorted(counts):
            detail[f"rule:{rules[index].id}"] = counts[index]
            worst = max(worst, self.actions[index], key=_SEVERITY.__getitem__)
        for action, word in ((Action.ALERT, "alerted"), (Action.REDACT, "redacted"), (Action.BLOCK, "blocked")):
            named = tuple(rules[index].id for index in sorted(counts) if self.actions[index] is action)
            if named:
                detail[word] = named
        if worst is Action.ALLOW:
            return Decision(Verdict.ALLOW, Reason.ALLOWED, detail)
        return Decision(_VERDICTS[worst], reasons[_SEVERITY[worst] - 1], detail)


_SEVERITY = {Action.ALLOW: 0, Action.ALERT: 1, Action.REDACT: 2, Action.BLOCK: 3}
_VERDICTS = {Action.ALERT: Verdict.FLAG, Action.REDACT: Verdict.REDACT, Action.BLOCK: Verdict.DENY}


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
