"""Our own detectors under the bench: what the policy that ships finds, rule by rule with its place, and what that costs."""

import time
from collections.abc import Callable, Sequence
from itertools import count

from bench.detection_kinds import OURS, meant
from bench.detection_rows import Row
from bench.detection_score import Finding
from bench.systems import CACHE
from sluicegate.dlp.built_in import built_in
from sluicegate.dlp.channel import TextChannel
from sluicegate.dlp.findings import Action
from sluicegate.dlp.inspection import Inspection, Judged
from sluicegate.dlp.policies import Policies
from sluicegate.dlp.selection import Scan
from sluicegate.settings import Dlp

MOST = 1 << 30
"""Findings in a text, of which none is left out."""
NEAR = {
    "card numbers, wrong digit": " 4111 1111 1111 1112",
    "social security numbers, unused": " 000-12-3456",
    "IBANs, wrong check": " GB82 WEST 1234 5698 7654 33",
    "e-mail addresses, all found": " a@b.co",
    "digits in one run": "1",
    "beginnings of keys": "-----BEGIN " + "PRIVATE KEY-----",
}
"""Texts of which much must be examined."""
PROSE = {"prompt", "response", "docs", "prompt_real_user"}


class Ours:
    """The rules of one scanner."""

    def __init__(self, scanner: Scan, compiled: int) -> None:
        """`compiled` is how many bytes the rules of all policies take."""
        self._scanner = scanner
        self._megabytes = compiled / 1e6
        self._counting = self._inspection(None)
        self._placing: dict[str, Inspection] = {}

    def _inspection(self, kind: str | None) -> Inspection:
        """One that notes the places of one kind. Places that overlap become one, hence one inspection for each kind."""
        actions = {r.id: Action.REDACT if r.kind == kind else Action.ALERT for r in self._scanner.rules}
        return Inspection(self._scanner, actions, MOST, Judged(20_000))

    def find(self, text: str) -> list[Finding]:
        """The places of each kind, in order of the kinds' names."""
        found = []
        counts = self._counting.find([("", text)])[0].counts
        for kind in sorted({self._scanner.rules[index].kind for index in counts}):
            if kind not in self._placing:
                self._placing[kind] = self._inspection(kind)
            edits = self._placing[kind].find([("", text)])[0].edits
            found += [Finding(meant(OURS, kind), edit.start, edit.end) for edit in edits]
        return found

    def cost(self, rows: Sequence[Row]) -> dict[str, float]:
        """CPU per prompt and event, and what is held back, on the prose of the rows; by the names in TARGETS and others."""
        prose = [row.text for row in rows if row.subject == "ordinary" and row.kind in PROSE]
        joined = "\n".join(prose)
        if len(joined) < 110_000:
            return {"compiled rules, MB": self._megabytes}
        by, kilobyte, large = self._counting, joined[5_000:6_024], joined[:100_000]
        texts = [("content", kilobyte[at : at + 128]) for at in range(0, 1_024, 128)]
        unseen = map(str, count())  # a text of another key is judged anew
        found = {
            "prompt of 1 KB, one text, µs": _microseconds(lambda: by.find([(next(unseen), kilobyte)]), 500),
            "prompt of 1 KB, eight texts, µs": _microseconds(lambda: by.find(texts), 500),
            "prompt of 100 KB, unseen, ms": _microseconds(lambda: by.find([(next(unseen), large)]), 10) / 1e3,
            "prompt of 100 KB, judged before, ms": _microseconds(lambda: by.find([("content", large)]), 10) / 1e3,
            "compiled rules, MB": self._megabytes,
        }
        for size in (5, 12, 30):
            spent, held = self._stream(prose[:300], size)
            found[f"event of {size} characters, µs"] = spent
            found[f"held back at {size} characters an event, characters"] = held
        for name, unit in NEAR.items():
            text = (unit * (1_000_000 // len(unit) + 1))[:1_000_000]
            start = time.process_time()
            by.find([("", text)])
            found[f"1 MB of {name}, ms"] = (time.process_time() - start) * 1e3
        return found

    def per_kilobyte(self, texts: Sequence[str]) -> float:
        """CPU (microseconds) of looking through the texts, one by one, per 1,000 characters."""
        start = time.process_time()
        for text in texts:
            self._counting.find([("", text)])
        return (time.process_time() - start) * 1e9 / max(1, sum(map(len, texts)))

    def _stream(self, texts: Sequence[str], size: int) -> tuple[float, float]:
        """CPU per event (microseconds), and the mean number of characters held back after each."""
        held = fed = 0
        start = time.process_time()
        for text in texts:
            channel = TextChannel(self._counting)
            for at in range(0, len(text), size):
                channel.feed(text[at : at + size])
                held, fed = held + channel.length - channel.mark, fed + 1
        return (time.process_time() - start) / fed * 1e6, held / fed


def shipped() -> tuple[Ours, str]:
    """What the policy `default` looks for in prompts, and its version. Automata that an earlier run compiled are taken."""
    policies = Policies(Dlp(), CACHE / "automata", built_in(CACHE / "automata"))
    inspection = policies.policy("default").prompt
    assert inspection is not None
    return Ours(inspection.scanner, policies.edition.scanner_bytes), policies.version


def _microseconds(work: Callable[[], object], times: int) -> float:
    """CPU time of one run: the best of five series."""
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(times):
            work()
        best = min(best, (time.process_time() - start) / times * 1e6)
    return best
