"""One prompt under one policy: what is found in all of its texts, what that amounts to, and the edits."""

from collections.abc import Sequence

import msgspec

from sluicegate.core.decision import Decision, Reason
from sluicegate.core.dialect import Form, Span
from sluicegate.dlp.detector import Passage
from sluicegate.dlp.findings import CLEAN, EDITING, Action, Edit, decided, merged
from sluicegate.dlp.inspection import Inspection
from sluicegate.dlp.outcome import by_group
from sluicegate.dlp.panel import ONLY_PATTERNS, Opinion
from sluicegate.dlp.replace import replace
from sluicegate.dlp.seams import find_across
from sluicegate.dlp.vault import Placeholders

KEY = Form.KEY
REASONS = {
    Action.ALERT: Reason.PROMPT_ALERTED,
    Action.TOKENISE: Reason.PROMPT_TOKENISED,
    Action.REDACT: Reason.PROMPT_REDACTED,
    Action.REROUTE: Reason.PROMPT_REROUTED,
    Action.BLOCK: Reason.PROMPT_BLOCKED,
}


class Judgement(msgspec.Struct, gc=False):
    """What was decided about a prompt, and the edits to be done in its spans, by their index."""

    decision: Decision
    edits: dict[int, Sequence[Edit]]
    failed: bool = False
    """Whether a detector could not look whose word policy wants."""


async def judge(inspection: Inspection, spans: Sequence[Span]) -> Judgement:
    """Inspect the spans. Raises TooManyReports."""
    counts, edits = _find(inspection, spans)
    if inspection.panel is None:
        said = ONLY_PATTERNS
    else:
        said = await inspection.panel.ask([Passage(span.text, span.place) for span in spans])
        _add(inspection, said, spans, counts, edits)
    decision = inspection.decide(counts, REASONS, said.verdicts)
    if edits:
        groups = by_group(counts, inspection.treatments)
        edits = {index: decided(edits[index], groups, len(spans[index].text)) for index in sorted(edits)}
    return Judgement(decision, edits, bool(said.refused_by) and inspection.refuses(said.refused_by))


async def located(inspection: Inspection, spans: Sequence[Span]) -> tuple[dict[int, int], dict[int, Sequence[Edit]]]:
    """Counts per index of what `Inspection.apart` finds in the spans, and per span where. Raises TooManyReports."""
    counts, edits = _find(inspection, spans)
    if inspection.panel is not None:
        said = await inspection.panel.ask([Passage(span.text, span.place) for span in spans])
        _add(inspection, said, spans, counts, edits)
    return counts, edits


def edit(spans: Sequence[Span], edits: dict[int, Sequence[Edit]], placeholders: Placeholders | None) -> bool:
    """Do the edits in the document that the spans are of; True if anything changed.

    What is to be tokenised gets its placeholder from `placeholders`; with none, or beyond their bound, it is redacted.
    """
    final = []
    for index, each in edits.items():
        span = spans[index]
        final.append((span, each if placeholders is None else [_tokenised(span, one, placeholders) for one in each]))
    return replace(final)


def _find(inspection: Inspection, spans: Sequence[Span]) -> tuple[dict[int, int], dict[int, Sequence[Edit]]]:
    """Counts per rule, and edits per span, as far as the patterns tell."""
    work = inspection.work()
    # what a value is called says what it is: `aws_secret_access_key`
    texts = [(key if type(key := span.key) is str and span.form is not KEY else "", span.text) for span in spans]
    counts: dict[int, int] = {}
    edits: dict[int, Sequence[Edit]] = {}
    for index, each in enumerate(inspection.find(texts, work)):
        if each is CLEAN:
            continue
        for rule, count in each.counts.items():
            counts[rule] = counts.get(rule, 0) + count
        if each.edits:
            edits[index] = each.edits
    find_across(inspection, spans, counts, edits, work)
    return counts, edits


def _add(
    inspection: Inspection,
    said: Opinion,
    spans: Sequence[Span],
    counts: dict[int, int],
    edits: dict[int, Sequence[Edit]],
) -> None:
    """Work in what the detectors found, as far as policy names it."""
    for found in said.detections:
        index = inspection.index.get(found.signal)
        if index is None:
            continue
        counts[index] = counts.get(index, 0) + 1
        treatment, subject = inspection.treatments[index], inspection.subjects[index]
        if not treatment.shadow and treatment.possible & EDITING:
            token = treatment.action is Action.TOKENISE
            more = Edit(found.start, found.end, subject.rank, subject.replacement, treatment.group, token)
            edits[found.passage] = merged([*edits.get(found.passage, ()), more], len(spans[found.passage].text))


def _tokenised(span: Span, one: Edit, placeholders: Placeholders) -> Edit:
    if not one.token or not one.label:  # the label stands in the text where the value begins
        return one
    value = one.value or (span.text if span.form is Form.NUMBER else span.text[one.start : one.end])
    name = placeholders.placeholder(one.label[1:-1], value)
    return one if name is None else Edit(one.start, one.end, one.rank, name)
