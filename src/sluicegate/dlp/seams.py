"""What is cut in two by the border between adjacent texts of a request: a card number in two content parts, say."""

from collections.abc import MutableMapping, Sequence

from sluicegate.core.dialect import Form, Place, Span
from sluicegate.dlp.candidates import Work
from sluicegate.dlp.findings import Edit, merged
from sluicegate.dlp.inspection import Inspection

REACH = 128
"""How many characters on either side of a border are looked at together."""

TEXT = Form.TEXT
_JOINED = frozenset({Place.SYSTEM, Place.USER, Place.ASSISTANT, Place.TOOL_RESULT})


def find_across(
    inspection: Inspection,
    spans: Sequence[Span],
    counts: MutableMapping[int, int],
    edits: MutableMapping[int, Sequence[Edit]],
    work: Work | None = None,
) -> None:
    """Add what stands across borders to the counts per rule and to the edits per index of a span.

    Texts are adjacent where they follow each other in the same place of the conversation, as content parts do. Three
    or more may share one finding as long as those in the middle are shorter than REACH.
    Raises TooManyReports.
    """
    if len(spans) < 2:
        return
    for run in _runs(spans):
        text = "".join(spans[index].text[low:high] for index, low, high in run)
        (found,) = inspection.find([("", text)], work)
        if not found.counts:
            continue
        parts = inspection.find([("", spans[index].text[low:high]) for index, low, high in run], work)
        for rule, count in found.counts.items():
            extra = count - sum(part.counts.get(rule, 0) for part in parts)
            if extra > 0:
                counts[rule] = counts.get(rule, 0) + extra
        _spread(run, text, found.edits, edits, spans)


def _runs(spans: Sequence[Span]) -> list[list[tuple[int, int, int]]]:
    """Pieces (index of a span, from, to) to be read as one text, each run across at least one border."""
    runs: list[list[tuple[int, int, int]]] = []
    run: list[tuple[int, int, int]] = []
    before, left = 0, None
    for after, right in enumerate(spans):
        place = right.place
        if place not in _JOINED:
            left, run = None, []
            continue
        # a part's other members (`name`, unknown ones) stand between two texts in the document, not in what a model reads
        if right.form is not TEXT or right.nested is not None or right.key not in ("text", "content"):
            continue
        if left is None or left.place is not place:
            run = []
        else:
            if not run:
                run = [(before, max(0, len(left.text) - REACH), len(left.text))]
                runs.append(run)
            run.append((after, 0, min(len(right.text), REACH)))
            if len(right.text) > REACH:
                run = []
        before, left = after, right
    return runs


def _spread(
    run: Sequence[tuple[int, int, int]],
    text: str,
    across: Sequence[Edit],
    edits: MutableMapping[int, Sequence[Edit]],
    spans: Sequence[Span],
) -> None:
    """Share the edits of the joined text out to its parts: the label goes to the first, and the rest is taken away."""
    at = 0
    for index, low, high in run:
        mine = []
        for edit in across:
            start, end = max(edit.start, at), min(edit.end, at + high - low)
            if start < end:
                label = edit.label if edit.start >= at else ""
                whole = edit.start == start and edit.end == end
                value = "" if whole else text[edit.start : edit.end]
                mine.append(Edit(start - at + low, end - at + low, edit.rank, label, edit.group, edit.token, value))
        if mine:
            edits[index] = merged([*edits.get(index, ()), *mine], len(spans[index].text))
        at += high - low
