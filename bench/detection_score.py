"""How detectors are scored, the same for all of them.

* A *positive* row counts as found if a finding of an accepted kind (bench/detection_kinds.py) overlaps one of its labelled
  spans; a row without spans, if there is any finding of an accepted kind in its text.
* A *negative* row is a false alarm if there is any finding of the kinds looked at: credentials for a look-alike of a
  credential; for personal data once of the kinds that its own kind accepts, and once of any kind of personal data, which is
  stricter than fair: a text that holds no phone number may hold a card.
* An *ordinary* text is flagged if there is any finding of personal data or of a credential.
* `weak` rows (bare numbers that nothing marks as anybody's) are counted apart, and nowhere else.
* Shares come with their 95 % interval (Wilson).

Figures depend on the rows and the detectors alone: not on time, order of files or machine.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt
from typing import NamedTuple

import msgspec

from bench.detection_kinds import CREDENTIALS, INJECTION, LOOKS_FOR, OURS, PERSONAL
from bench.detection_rows import Row, structured

ANYTHING = frozenset(CREDENTIALS | PERSONAL)
ORDINARY = {"prompt", "prompt_real_user", "code_prompt", "hard_negative_injection", "response", "docs"}
"""What the sets call the prompts, answers and documents of the target; code and lock files have lines of their own."""
FORMS = {"": "all", "sentence": "in sentences", "bare": "bare"}


class Finding(NamedTuple):
    """Something found: text[start:end] is of one of `kinds`."""

    kinds: frozenset[str]
    start: int
    end: int


Findings = Sequence[Sequence[Finding]]
"""What one system found, row by row."""


class Share(NamedTuple):
    """So many of so many."""

    hits: int
    of: int

    @property
    def percent(self) -> float:
        """The share in per cent; 0 of none."""
        return 100 * self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % interval (Wilson) in per cent; from 0 to 100 of none."""
        if not self.of:
            return 0.0, 100.0
        p, n, z = self.hits / self.of, self.of, 1.959964
        middle, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
        return 100 * max(low, 0.0), 100 * min(high, 1.0)


class Line(msgspec.Struct, frozen=True):
    """One line of the report. A system that does not look for such has no share."""

    section: str
    name: str
    measure: str
    """`found` (the more the better) or `false alarms`."""
    shares: Mapping[str, Share]

    @property
    def key(self) -> str:
        """What a target calls it."""
        return f"{self.section}: {self.name}: {self.measure}"


def hit(row: Row, findings: Iterable[Finding], kinds: frozenset[str]) -> bool:
    """Whether one of the findings is of one of the kinds and, where the row has spans, overlaps one of them."""
    return any(
        not kinds.isdisjoint(each.kinds)
        and (not row.spans or any(each.start < end and start < each.end for start, end in row.spans))
        for each in findings
    )


def flagged(findings: Iterable[Finding], kinds: frozenset[str]) -> bool:
    """Whether one of the findings is of one of the kinds."""
    return any(not kinds.isdisjoint(each.kinds) for each in findings)


class Scores:
    """Lines, made of rows and of what every system found in them."""

    def __init__(self, rows: Sequence[Row], found: Mapping[str, Findings]) -> None:
        """`found` has as many findings per system as there are rows, in their order."""
        self.rows = rows
        self.found = found
        self.lines: list[Line] = []
        self._credentials(_by_subject(rows, "credential"))
        self._personal([index for index in _by_subject(rows, "personal") if not rows[index].weak])
        self._totals(_by_subject(rows, "personal"))
        self._countries([index for index in _by_subject(rows, "personal") if not rows[index].weak])
        self._ordinary(_by_subject(rows, "ordinary"))

    def _line(self, section: str, name: str, indices: Sequence[int], kinds: frozenset[str] | None = None) -> None:
        """A line over rows of one subject that are all positive or all negative; none if there are none."""
        if not indices:
            return
        first = self.rows[indices[0]]
        shares = {}
        for system, findings in self.found.items():
            if first.subject in LOOKS_FOR[system]:
                judged = [self._judge(self.rows[index], findings[index], kinds) for index in indices]
                shares[system] = Share(sum(judged), len(judged))
        self.lines.append(Line(section, name, "found" if first.positive else "false alarms", shares))

    @staticmethod
    def _judge(row: Row, findings: Sequence[Finding], kinds: frozenset[str] | None) -> bool:
        if row.positive:
            return hit(row, findings, row.accepts)
        return flagged(findings, row.accepts if kinds is None else kinds)

    def _credentials(self, indices: Sequence[int]) -> None:
        for positive in (True, False):
            these = [index for index in indices if self.rows[index].positive is positive]
            self._line("credentials", "real code lines", [index for index in these if self.rows[index].real])
            self._line("credentials", "all", these)
            for group in sorted({self.rows[index].group for index in these}):
                section = "credentials by family" if positive else "look-alikes"
                self._line(section, group or "others", [index for index in these if self.rows[index].group == group])

    def _personal(self, indices: Sequence[int]) -> None:
        for kind in sorted({self.rows[index].kind for index in indices}):
            of_kind = [index for index in indices if self.rows[index].kind == kind]
            section = "personal data" if structured(self.rows[of_kind[0]]) else "personal data without a form of its own"
            positive = [index for index in of_kind if self.rows[index].positive]
            for form, title in FORMS.items():
                self._line(section, f"{kind}, {title}", self._of_form(positive, form))
            self._line(section, kind, [index for index in of_kind if not self.rows[index].positive])

    def _totals(self, indices: Sequence[int]) -> None:
        section = "all personal data"
        shaped = [index for index in indices if structured(self.rows[index])]
        positive = [index for index in shaped if self.rows[index].positive]
        negative = [index for index in indices if not self.rows[index].positive]
        for form, title in FORMS.items():
            strong = [index for index in positive if not self.rows[index].weak]
            self._line(section, title, self._of_form(strong, form))
        self._line(section, "weak", [index for index in positive if self.rows[index].weak])
        for form, title in FORMS.items():
            self._line(section, f"of the row's kind, {title}", self._of_form(negative, form))
            self._line(section, f"of any kind, {title}", self._of_form(negative, form), frozenset(PERSONAL))

    def _of_form(self, indices: Sequence[int], form: str) -> list[int]:
        return [index for index in indices if form in ("", self.rows[index].form)]

    def _countries(self, indices: Sequence[int]) -> None:
        shaped = [index for index in indices if self.rows[index].positive and structured(self.rows[index])]
        for country in sorted({self.rows[index].country for index in shaped}):
            these = [index for index in shaped if self.rows[index].country == country]
            documents = [index for index in these if self.rows[index].kind != "phone"]
            self._line("personal data by country, without phone numbers", country, documents)
            for kind in sorted({self.rows[index].kind for index in these}):
                of_kind = [index for index in these if self.rows[index].kind == kind]
                self._line("personal data by kind and country", f"{kind}, {country}", of_kind)

    def _ordinary(self, indices: Sequence[int]) -> None:
        section = "ordinary texts flagged"
        kinds = {index: self.rows[index].kind for index in indices}
        self._line(section, "prompts, answers, docs", [i for i in indices if kinds[i] in ORDINARY], ANYTHING)
        self._line(section, "all but lock files", [i for i in indices if kinds[i] != "lockfile"], ANYTHING)
        for kind in sorted(set(kinds.values())):
            self._line(section, kind, [i for i in indices if kinds[i] == kind], ANYTHING)

    def missed(self, kind: str, system: str = OURS) -> list[tuple[str, str]]:
        """The ids of the rows of a kind, group or subject that a system got wrong, and how (`missed`, `false alarm`)."""
        out = []
        for row, findings in zip(self.rows, self.found[system], strict=True):
            if kind in (row.kind, row.group, row.subject, f"{row.kind}.{row.country}"):
                kinds = {"ordinary": ANYTHING, "personal": frozenset(PERSONAL), "injection": frozenset(INJECTION)}.get(
                    row.subject
                )
                judged = self._judge(row, findings, kinds)
                if judged is not row.positive:
                    out.append((row.id, "false alarm" if judged else "missed"))
        return sorted(out)


def _by_subject(rows: Sequence[Row], subject: str) -> list[int]:
    return [index for index, row in enumerate(rows) if row.subject == subject]


def weakest(lines: Iterable[Line], count: int) -> list[Line]:
    """Families of credentials, and kinds of countries, of which ours misses most rows; then the least share first."""
    sections = ("credentials by family", "personal data by kind and country")
    chosen = [line for line in lines if line.section in sections and line.measure == "found"]
    return sorted(
        (line for line in chosen if line.shares[OURS].hits < line.shares[OURS].of),
        key=lambda line: (line.shares[OURS].hits - line.shares[OURS].of, line.shares[OURS].percent, line.key),
    )[:count]
