"""What a policy finds and does in a text that nobody sent: the stages that inspect, run on an exchange of their own.

For the playground and for commands. Nothing of it is called, recorded, logged or kept.
"""

import re
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from sluicegate.core.decision import Decision, Reason, Verdict
from sluicegate.core.dialect import BOUNDS, Bounds, Dialect, DialectName, Json, Place, Span, SystemMode
from sluicegate.core.errors import Denied, InvalidRequest
from sluicegate.core.event import whole
from sluicegate.core.exchange import Arrival, Exchange
from sluicegate.core.identity import Classification, Grant, RateLimit, UseCase
from sluicegate.core.ids import new_id
from sluicegate.core.stage import Stage
from sluicegate.dialects.document import parse
from sluicegate.dlp.automaton import TooManyReports
from sluicegate.dlp.documents import Documents
from sluicegate.dlp.findings import Action, Edit
from sluicegate.dlp.inspection import Inspection
from sluicegate.dlp.outcome import actions
from sluicegate.dlp.policy import Policy, PolicySource
from sluicegate.dlp.prompt import located

MOST_FINDINGS = 1_000
"""Findings that are told of one text or document."""
DIALECT = DialectName.OPENAI_CHAT
"""Whose document a text alone is put into."""


class Inspecting(Protocol):
    """Makes the two inspecting stages as the path has them."""

    def __call__(self, policies: PolicySource) -> tuple[Stage, Stage]:
        """Those of prompt and answer."""


class Only:
    """One policy, by whatever name."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def policy(self, _name: str, _organisation: str | None = None) -> Policy:
        """The policy."""
        return self._policy


class Subject(msgspec.Struct, frozen=True):
    """Who the text is taken to be from."""

    team: str = ""
    role: str = ""


class Finding(msgspec.Struct, frozen=True):
    """One thing found: text[start:end], in code points, of the string at `path`."""

    path: str
    start: int
    end: int
    rule: str
    kind: str
    jurisdiction: str
    severity: str
    action: Action
    """What the policy names for it, with all of its kind counted."""
    mode: str


class Result(msgspec.Struct, frozen=True):
    """What came of it."""

    decision: Decision
    findings: Sequence[Finding]
    complete: bool
    """Whether `findings` are all."""
    document: Json | None
    """As it would leave; None where it would not."""
    edited: bool
    on_prem_only: bool

    @property
    def text(self) -> str | None:
        """The text as it would leave, for a document that `prompt_of` or `answer_of` made."""
        if self.document is None:
            return None
        message = self.document["messages"][0] if "messages" in self.document else self.document["choices"][0]["message"]
        text: str = message["content"]
        return text


def prompt_of(text: str) -> Json:
    """A request that says `text` and nothing else."""
    return {"model": "trial", "messages": [{"role": "user", "content": text}]}


def answer_of(text: str) -> Json:
    """An answer that says `text` and nothing else."""
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}


class Trial:
    """Tries texts and documents."""

    def __init__(self, inspecting: Inspecting, documents: Documents, most: int, bounds: Bounds = BOUNDS) -> None:
        """At most `most` findings are looked for in one text; `bounds` are those of a request's body."""
        self._documents = documents
        self._inspecting = inspecting
        self._most = most
        self._bounds = bounds

    async def prompt(self, policy: Policy, dialect: Dialect, document: Json, subject: Subject) -> Result:
        """Inspect a request. Raises InvalidRequest for what the path would refuse as one."""
        document = self._strict(document)
        dialect.read(document)
        policy = _once(policy, subject)
        stage, _ = self._inspecting(Only(policy))
        reading = dialect.spans(document, self._bounds)
        if reading.files:
            await self._documents.complete(reading)
        spans = [span for span in reading.spans if span.text]
        findings, complete = await self._located(policy.prompt, spans, _paths(document, spans))
        made = _exchange(dialect, subject)
        made.document = document
        decision = await stage.admit(made)
        await stage.settle(made)
        left = None if decision.verdict is Verdict.DENY else document
        return Result(decision, findings, complete, left, made.edited, made.on_prem_only)

    async def answer(self, policy: Policy, dialect: Dialect, document: Json, subject: Subject) -> Result:
        """Inspect an answer. Raises InvalidRequest where it is beyond the bounds of a body."""
        document = self._strict(document)
        policy = _once(policy, subject)
        _, stage = self._inspecting(Only(policy))
        event = whole(document)
        pieces = [piece for piece in dialect.pieces(event) if piece.text]
        spans = [Span(piece.holder, piece.key, piece.text, Place.ASSISTANT) for piece in pieces]
        findings, complete = await self._located(policy.answer, spans, _paths(document, spans))
        made = _exchange(dialect, subject)
        made.policy_version = policy.version
        made.document = {}
        made.decisions.append((stage.name, await stage.admit(made)))
        guard = stage.guard(made)
        left: Json | None = document
        before = event.raw
        try:
            if guard is not None:
                guard.feed([event])
                rest = guard.flush()
                if isinstance(rest, Awaitable):
                    await rest
        except Denied:
            left = None
        await stage.settle(made)
        decision = next(decision for name, decision in reversed(made.decisions) if name == stage.name)
        return Result(decision, findings, complete, left, event.raw != before, on_prem_only=False)

    def _strict(self, document: Json) -> Json:
        """A copy of the document, read as the path reads a body."""
        try:
            return parse(msgspec.json.encode(document), self._bounds.depth, self._bounds.values)
        except (UnicodeEncodeError, RecursionError):
            raise InvalidRequest(Reason.INVALID_JSON, "The document cannot be written as JSON.") from None

    async def _located(
        self, inspection: Inspection | None, spans: Sequence[Span], paths: Sequence[str]
    ) -> tuple[list[Finding], bool]:
        """Every finding with its place, whatever is done about it."""
        if inspection is None:
            return [], True
        try:
            counts, edits = await located(inspection.apart(self._most), spans)
        except TooManyReports:
            return [], False
        named = actions(counts, inspection.treatments)
        findings = [
            _finding(paths[index], edit, inspection, named)
            for index in sorted(edits)
            for edit in sorted(edits[index], key=lambda edit: (edit.start, edit.end))
            if edit.group
        ]
        complete = len(findings) <= MOST_FINDINGS and all(edit.group for each in edits.values() for edit in each)
        return findings[:MOST_FINDINGS], complete


def _once(policy: Policy, subject: Subject) -> Policy:
    """The policy as it is for the subject, whose detectors are asked once: places and deeds are of one answer."""
    policy = policy.for_(subject.team, subject.role, subject.team)
    prompt, answer = (each and each.once() for each in (policy.prompt, policy.answer))
    return msgspec.structs.replace(policy, prompt=prompt, answer=answer, overrides=())


def _finding(path: str, edit: Edit, inspection: Inspection, named: Mapping[int, Action]) -> Finding:
    index = edit.group - 1
    subject, treatment = inspection.subjects[index], inspection.treatments[index]
    return Finding(
        path=path,
        start=edit.start,
        end=edit.end,
        rule=subject.id,
        kind=subject.kind,
        jurisdiction=subject.jurisdiction,
        severity=subject.severity,
        action=named.get(index, treatment.action),
        mode="shadow" if treatment.shadow else "enforce",
    )


def _exchange(dialect: Dialect, subject: Subject) -> Exchange:
    """An exchange of which just as much is known as the inspecting stages ask."""
    made = Exchange(new_id(), dialect, Arrival("/", "", {}))
    made.grant = Grant(
        key_id="",
        key_name="",
        organisation="",
        team=subject.team,
        team_name=subject.team,
        principal="",
        role=subject.role,
        use_case=_USE_CASE,
        rate=RateLimit(),
        budgets=(),
        expires_at=None,
    )
    return made


_USE_CASE = UseCase(
    id="",
    name="",
    version=1,
    purpose="",
    classification=Classification.INTERNAL,
    system_prompt=None,
    system_mode=SystemMode.APPEND,
    models=re.compile(""),
    features=frozenset(),
    tools=None,
    networks=(),
    guardrail="",
)


def _paths(document: Any, spans: Sequence[Span]) -> list[str]:
    """Where each span stands: `messages[0].content`; in JSON inside a string `….arguments → $.to`."""
    places = dict(_walk(document, ""))
    for span in spans:
        nested = span.nested
        if nested is not None and id(nested.document) not in places:
            outer = _step(places.get(id(nested.holder), "?"), nested.key)
            places.update(_walk(nested.document, f"{outer} → $"))
            places[id(nested)] = outer
    return [
        _step(places[id(span.holder)], span.key) if id(span.holder) in places else places.get(id(span.nested), "?")
        for span in spans
    ]


def _walk(value: Any, path: str) -> Iterator[tuple[int, str]]:
    """The containers of a document by their identities, each with its path."""
    waiting = [(value, path)]
    while waiting:
        value, path = waiting.pop()
        if isinstance(value, dict | list):
            yield id(value), path
            children = value.items() if isinstance(value, dict) else enumerate(value)
            waiting += [(child, _step(path, key)) for key, child in children]


def _step(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key
