"""One policy's eyes for one direction: its scanner, what it does about each rule, and the texts it has already judged."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import chain

from sluicegate.core.decision import Decision
from sluicegate.dlp.automaton import UNBOUNDED
from sluicegate.dlp.candidates import Work, grouped
from sluicegate.dlp.engine import EDGE, Hit
from sluicegate.dlp.findings import CLEAN, Action, Found, Ledger, Treatment, merged
from sluicegate.dlp.normalise import folding, plainly, quoting
from sluicegate.dlp.normalise_stream import Views
from sluicegate.dlp.normalise_view import Inner, View
from sluicegate.dlp.normalise_where import ESCAPED, INNER, QUOTED, Place, chains, placed, places, regions
from sluicegate.dlp.outcome import NOT_RUN, NOTHING, PATTERNS_RAN, Reasons, decide, with_unasked
from sluicegate.dlp.packs import CONTEXT_REACH, Subject
from sluicegate.dlp.panel import Heard, Once, Panel
from sluicegate.dlp.reading import Reading
from sluicegate.dlp.selection import Scan

REMEMBERED_FROM = 512
"""Characters from which on texts are remembered: a digest costs a tenth of the scan, and spares it when they come again."""

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


class Inspection:
    """Finds in texts what a policy names for one direction, and says what is to be done."""

    def __init__(
        self,
        scanner: Scan,
        treatments: Mapping[str, Action | Treatment],
        max_findings: int,
        judged: Judged,
        max_candidates: int = UNBOUNDED,
        panel: Panel | None = None,
        max_decoded: tuple[int, int] = (3, 8_192),
        unasked: tuple[str, ...] = (),
    ) -> None:
        """`treatments` has one for every rule of the scanner, and for every signal of the panel that has an action.

        Findings are counted per index: of `scanner.rules` first, then of those signals. `max_decoded`: how many encodings
        around each other are undone, and how many characters of encoded text are read as one. `unasked` are the verdicts of
        the detectors that policy has nothing to ask.
        """
        self._depth, self._longest = max_decoded
        self.max_candidates = max_candidates
        self.scanner = scanner
        self.panel = panel
        """The detectors beside the patterns, where policy names any."""
        self._asked = panel.detectors if panel else ()
        signals = [signal for each in self._asked for signal in each.signals if signal.id in treatments]
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
        self._unasked = unasked
        self._nothing = with_unasked(NOTHING, unasked)
        self.not_run = with_unasked(NOT_RUN, (*(f"{each.name}:{Heard.NOT_RUN}" for each in self._asked), *unasked))
        """Of a text that was not looked at."""
        self._judged = judged

    def ledger(self) -> Ledger:
        """A new ledger for one text."""
        return Ledger(self.scanner.rules, self.treatments, self._bound)

    def work(self) -> Work:
        """What one prompt, or one event of an answer, may cost."""
        return Work(self.max_candidates)

    def apart(self, most: int) -> "Inspection":
        """The same eyes with each rule in a group of its own, by its index + 1: all it finds, whatever is done about it, is
        then an edit that names the rule. At most `most` are kept of a text.
        """
        groups = {id: Treatment(Action.REDACT, group=number) for number, id in enumerate(self.ids, 1)}
        decoded = self._depth, self._longest
        return Inspection(self.scanner, groups, most, Judged(1), self.max_candidates, self.panel, decoded)

    def once(self) -> "Inspection":
        """The same for one trial: about a text that comes again its detectors are not asked again."""
        if self.panel is None:
            return self
        treatments = dict(zip(self.ids, self.treatments, strict=True))
        bounds = self._bound, Judged(1), self.max_candidates
        return Inspection(self.scanner, treatments, *bounds, Once(self.panel), (self._depth, self._longest), self._unasked)

    def refuses(self, refused_by: Sequence[str]) -> bool:
        """Whether more than a shadow depends on what one of these detectors, which could not look, would have found."""
        signals = [signal.id for each in self._asked if each.name in refused_by for signal in each.signals]
        return any(not self.treatments[self.index[id]].shadow for id in signals if id in self.index)

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
        results = [CLEAN] * len(texts)
        for index, hits in self._hits(texts, self._depth, work).items():
            ledger = self.ledger()
            ledger.take(hits)
            if ledger.counts:
                edits = merged(ledger.edits, len(texts[index][1]))
                results[index] = Found(ledger.counts, ledger.blocked, edits)
        return results

    def _hits(self, texts: Sequence[Text], depth: int, work: Work) -> dict[int, list[Hit]]:
        """Per index of a text what is in it as it stands, and in its views; `depth` bounds encodings around each other."""
        buffer = f"{EDGE}{EDGE.join(chain.from_iterable(texts))}{EDGE}"
        reading = Reading(buffer)
        ends = self.scanner.ends(buffer, work.left, reading)
        found = places(reading)
        if not ends and found == ():
            return {}
        work.left -= len(ends)
        starts: list[int] = []
        at = 1
        for lead, text in texts:
            at += len(lead) + 1
            starts.append(at)
            at += len(text) + 1
        hits: dict[int, list[Hit]] = {}
        for end, numbers in grouped(ends):
            index = bisect_right(starts, end) - 1
            if index < 0 or end > starts[index] + len(texts[index][1]):
                continue  # within a lead, which is looked at on its own where it is governed text
            low = starts[index]
            confirmed = self.scanner.confirm(buffer, low - 1 - len(texts[index][0]), low, end, numbers)
            moved = [hit.moved(-low) for hit in confirmed]
            if moved:
                hits.setdefault(index, []).extend(moved)
        for index, where in placed(texts, starts, found).items():
            more = self._in_views(*texts[index], where, depth, work)
            if more:
                hits[index] = sorted({*more, *hits.get(index, ())}, key=in_order)
        return hits

    def _in_views(self, lead: str, text: str, where: Sequence[Place] | None, depth: int, work: Work) -> list[Hit]:
        """What is in the views of `text`, read in the regions around places (everywhere if that is None)."""
        inner = self._inner(depth, work)
        reach = self.scanner.width, self.scanner.wordy
        parts = [(0, len(text), ESCAPED | QUOTED)] if where is None else regions(text, where, reach, work)
        hits: list[Hit] = []
        for low, high, what in parts:
            before = text[max(0, low - 2 * CONTEXT_REACH) : low] if low else f"{EDGE}{plainly(lead)}{EDGE}"
            final = high == len(text)
            part = text[low:high]
            folds, quotes = chains(what)
            if quotes:
                view = View(quoting(before), self.scanner, before, low, len(before))
                hits += view.feed(part, work, final=final, plain=high, only=True)
            if folds or (inner is not None and what & INNER):
                view = View(folding(before) if folds else (), self.scanner, before, low, len(before))
                hits += view.feed(part, work, final=final, plain=high, only=True)
                if inner is not None:
                    hits += view.decode(inner, self._longest, work, final=final)
                    hits += view.join(inner, final=final)
        return hits

    def _inner(self, depth: int, work: Work) -> Inner | None:
        if not depth:
            return None
        return lambda texts: self._hits(texts, depth - 1, work) if texts else {}

    def views(self, work: Work) -> Views:
        """The views of a text that arrives in pieces."""
        return Views(self.scanner, self._inner(self._depth, work), self._longest, work)

    def nothing_in(self, texts: Sequence[str], work: Work) -> bool:
        """Whether the texts surely hold nothing to be found, told by one scan of all of them. Raises TooManyReports."""
        buffer = f"{EDGE}{EDGE.join(texts)}{EDGE}"
        reading = Reading(buffer)
        return not self.scanner.ends(buffer, work.left, reading) and places(reading) == ()

    def decide(self, counts: Mapping[int, int], reasons: Reasons, detectors: tuple[str, ...] = (PATTERNS_RAN,)) -> Decision:
        """The decision that findings amount to. `detectors` has the verdict of the rules, and of each detector."""
        decision = decide(self.ids, self.treatments, counts, reasons, detectors)
        return self._nothing if decision is NOTHING else with_unasked(decision, self._unasked)


def _acts(treatment: Treatment) -> bool:
    return not treatment.shadow and not treatment.possible <= {Action.ALLOW, Action.ALERT}


def in_order(hit: Hit) -> tuple[int, int, bool, int]:
    """How hits are worked in: by their ends."""
    return hit.end, hit.rule, hit.closing, hit.start
