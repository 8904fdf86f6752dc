"""What was found in one answer: kept by all that look at it, and read when the exchange is settled."""

from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from sluicegate.core.decision import Decision, Reason, Verdict
from sluicegate.core.errors import Denied
from sluicegate.dlp.findings import Action, Ledger
from sluicegate.dlp.inspection import Inspection
from sluicegate.dlp.outcome import PATTERNS_NOT_RUN, PATTERNS_RAN, unscannable
from sluicegate.dlp.panel import Heard

REASONS = {
    Action.ALERT: Reason.ANSWER_ALERTED,
    Action.REDACT: Reason.ANSWER_REDACTED,
    Action.BLOCK: Reason.ANSWER_BLOCKED,
}


def nothing_refused(_: str) -> bool:
    """Whatever cannot be read goes through."""
    return False


class Account:
    """The findings in one answer. `refuses` says what must be readable; in `shadow` nothing is refused for any cause."""

    def __init__(
        self, inspection: Inspection, refuses: Callable[[str], bool] = nothing_refused, *, shadow: bool = False
    ) -> None:
        self.inspection = inspection
        self.shadow = shadow
        self.ran = False
        """Whether any event has come."""
        self.tally: dict[int, int] = {}
        """Findings so far per group of the policy."""
        self.detectors: tuple[str, ...] = tuple(
            [f"{each.name}:{Heard.NOT_RUN}" for each in (inspection.panel.detectors if inspection.panel else ())]
        )
        """The verdict of each detector beside the patterns."""
        self._ledgers: list[Ledger] = []
        self._counts: dict[int, int] = {}
        self._refuses = refuses
        self._unread: list[str] = []
        self._bound = ""
        self._denied: Decision | None = None

    def ledger(self, ledger: Ledger) -> None:
        """Count what `ledger` takes."""
        ledger.tally = self.tally
        self._ledgers.append(ledger)

    def found(self, indexes: Iterable[int]) -> None:
        """Count one more finding of each of these."""
        for index in indexes:
            self._counts[index] = self._counts.get(index, 0) + 1
            if group := self.inspection.treatments[index].group:
                self.tally[group] = self.tally.get(group, 0) + 1

    def unread(self, kinds: Sequence[str]) -> None:
        """Note parts that cannot be read. Raises Denied where policy refuses them."""
        self._unread += kinds
        if not self.shadow and any(map(self._refuses, kinds)):
            self.refuse("")

    def beyond(self, bound: str) -> None:
        """Note that the rest of the answer is not inspected: it would take more than `bound`."""
        self._bound = self._bound or bound

    def block(self) -> None:
        """Something that policy blocks was found. Raises Denied."""
        self._denied = self.decision()
        raise Denied(self._denied)

    def refuse(self, bound: str, reason: Reason = Reason.ANSWER_BLOCKED) -> NoReturn:
        """End the answer, because of a bound or (empty) for what the decision says already. Raises Denied."""
        found = self.decision()
        detail = {**found.detail, "bound": bound} if bound else found.detail
        self._denied = Decision(Verdict.DENY, reason, detail)
        raise Denied(self._denied)

    def refuse_sealed(self) -> None:
        """End the answer: policy would replace something in a thought, which must stay as it is. Raises Denied."""
        self._denied = Decision(Verdict.DENY, Reason.ANSWER_BLOCKED, {**self.decision().detail, "in": ("thinking",)})
        raise Denied(self._denied)

    def decision(self) -> Decision:
        """What was found so far, or in the whole answer once it is over."""
        if self._denied is not None:
            return self._denied
        if not self.ran:
            return self.inspection.not_run
        counts = dict(self._counts)
        for ledger in self._ledgers:
            for index, count in ledger.counts.items():
                counts[index] = counts.get(index, 0) + count
        verdicts = (PATTERNS_NOT_RUN if self._bound else PATTERNS_RAN, *self.detectors)
        found = self.inspection.decide(counts, REASONS, verdicts)
        if self._unread:
            would_block = self.shadow and any(map(self._refuses, self._unread))
            found = unscannable(found, self._unread, Reason.ANSWER_ALERTED, would_block=would_block)
        if not self._bound:
            return found
        detail = {**found.detail, "bound": self._bound}
        if found.verdict is Verdict.ALLOW:
            return Decision(Verdict.FLAG, Reason.ANSWER_ALERTED, detail)
        return Decision(found.verdict, found.reason, detail)
