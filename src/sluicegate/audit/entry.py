"""Audit entries: what is recorded of an exchange or an administrative act, and the canonical bytes that are hashed.

The bytes are JSON by the rules of RFC 8785 as far as our values go: members sorted by name, no white space, UTF-8, the
shortest escapes. Values are strings, booleans, integers, and lists and objects of these; no floats and no null. Integers
are written out in full (nanoseconds do not fit the doubles that RFC 8785 assumes), so readers must keep them exact. A
member that is zero, empty or false is left out, except `v`, `kind` and `at_ns`. Never text of a prompt or an answer.
"""

from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import Any

import msgspec

from sluicegate.core.decision import Decision
from sluicegate.core.exchange import Exchange
from sluicegate.core.identity import Grant
from sluicegate.core.names import named
from sluicegate.core.provider import Target

VERSION = 1
CLIENT_CHARACTERS = 200
"""The longest user agent that is kept."""
NAME_CHARACTERS = 256
"""The longest model name and peer that are kept."""

DETAIL_PARTS = 64
"""The longest list that a decision's detail keeps."""

INTENT = "intent"
OUTCOME = "outcome"
REFUSAL = "refusal"
ACT = "act"

_encode = msgspec.json.Encoder(order="deterministic").encode
canonical: Callable[["Entry"], bytes] = _encode
"""The bytes of an entry that are stored and hashed. Raises UnicodeEncodeError, TypeError for what cannot be said in them."""


class Judged(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """One stage's decision, with its detail as lists, strings and integers."""

    detail: Mapping[str, Any] = {}
    reason: str
    stage: str
    verdict: str


class Tokens(msgspec.Struct, omit_defaults=True, gc=False):
    """Tokens by kind, as `core/usage.py` counts them."""

    cache_write: int = 0
    cached: int = 0
    estimated: bool = False
    input: int = 0
    output: int = 0
    reasoning: int = 0


class Try(msgspec.Struct, gc=False):
    """One call to one deployment."""

    deployment: str
    result: str


class Entry(msgspec.Struct, omit_defaults=True, kw_only=True, gc=False):
    """One entry of any kind. Fields stand in the order of their names, which is the order of the bytes.

    `docs/audit.md` says what each field means. `at_ns` and `time_regressed` are set when the entry takes its place.
    """

    action: str = ""
    actor: str = ""
    answer_sha256: str = ""
    at_ns: int
    attempts: Sequence[Try] = ()
    client: str = ""
    decisions: Sequence[msgspec.Raw] = ()
    """`Judged`, encoded."""
    deployment: str = ""
    exchange: str = ""
    key: str = ""
    kind: str
    latency_us: int = 0
    model: str = ""
    nano_usd: int = 0
    organisation: str = ""
    outcome: str = ""
    peer: str = ""
    place: str = ""
    policy_version: str = ""
    principal: str = ""
    prompt_sha256: str = ""
    reason: str = ""
    region: str = ""
    reserved_nano_usd: int = 0
    reserved_tokens: int = 0
    subject: str = ""
    surface: str = ""
    team: str = ""
    time_regressed: bool = False
    tokens: Tokens | None = None
    upstream_model: str = ""
    use_case: str = ""
    use_case_version: int = 0
    v: int


def plain(text: str, longest: int) -> str:
    """Text that came from outside: bounded, on one line, with control characters and broken surrogates escaped."""
    if len(text) > longest:
        text = text[:longest]
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def intent(exchange: Exchange) -> Entry:
    """What is about to be sent to a provider: durable before the call."""
    owner = _owner(exchange)
    entry = _begin(owner, exchange, INTENT)
    _add_request(entry, exchange)
    reservation = exchange.__dict__.get("reservation")
    if reservation is not None:
        entry.reserved_tokens = reservation.tokens
        entry.reserved_nano_usd = reservation.nano_usd
    entry.decisions = owner.intended.say(exchange.decisions)
    return entry


def outcome(exchange: Exchange, decided: int = 0) -> Entry:
    """How the exchange ended: durable before its last event leaves.

    `decided` is the number of decisions that the intent entry already holds; they are not repeated.
    """
    owner = _owner(exchange)
    entry = _begin(owner, exchange, OUTCOME)
    _add_result(entry, exchange, owner)
    entry.decisions = owner.ended.say(exchange.decisions[decided:])
    return entry


def refusal(exchange: Exchange) -> Entry:
    """An exchange that ended before any call: the one entry there is of it."""
    owner = _owner(exchange)
    entry = _begin(owner, exchange, REFUSAL)
    _add_request(entry, exchange)
    _add_result(entry, exchange, owner)
    entry.decisions = _judged(exchange.decisions)
    return entry


def act(actor: str, action: str, subject: str, organisation: str | None) -> Entry:
    """Something an administrator, a command or the gateway itself did."""
    return Entry(
        action=action,
        actor=plain(actor, NAME_CHARACTERS),
        at_ns=0,
        kind=ACT,
        organisation=organisation or "",
        subject=plain(subject, NAME_CHARACTERS),
        v=VERSION,
    )


class _Said:
    """The last list of decisions, and what it is in an entry: most exchanges of a key are decided alike."""

    __slots__ = ("_decisions", "_judged")

    def __init__(self) -> None:
        self._decisions: Sequence[tuple[str, Decision]] = []
        self._judged: Sequence[msgspec.Raw] = []

    def say(self, decisions: Sequence[tuple[str, Decision]]) -> Sequence[msgspec.Raw]:
        """The list as an entry holds it. Decisions that are equal have the same bytes."""
        if decisions != self._decisions:
            self._judged = _judged(decisions)
            self._decisions = list(decisions)
        return self._judged


class _Owner:
    """What every entry of a key's exchanges says, found once for each grant it is loaded as."""

    __slots__ = ("begin", "ended", "grant", "intended", "target", "upstream_model")

    def __init__(self, grant: Grant | None) -> None:
        self.grant = grant
        self.intended, self.ended = _Said(), _Said()
        self.target: Target | None = None
        """The last that answered."""
        self.upstream_model = ""
        entry = Entry(at_ns=0, kind="", v=VERSION)
        self.begin: Callable[[], Entry] = entry.__copy__  # type: ignore[attr-defined]  # msgspec's stubs leave it out
        """An entry that says this and no more."""
        if grant is not None:
            entry.key = grant.key_id
            entry.organisation = grant.organisation
            entry.principal = grant.principal
            entry.team = grant.team
            entry.use_case = grant.use_case.id
            entry.use_case_version = grant.use_case.version


OWNERS = 1_024
_owners: dict[str, _Owner] = {}
"""By key, those lately seen."""
_NOBODY = _Owner(None)


def _owner(exchange: Exchange) -> _Owner:
    grant = exchange.__dict__.get("grant")  # past the descriptor: reading what may not be there yet must not raise
    if grant is None:
        return _NOBODY
    owner = _owners.get(grant.key_id)
    if owner is None or owner.grant is not grant:
        if len(_owners) >= OWNERS:
            _owners.clear()
        owner = _owners[grant.key_id] = _Owner(grant)
    return owner


def _begin(owner: _Owner, exchange: Exchange, kind: str) -> Entry:
    """An entry that says whose the exchange is."""
    entry = owner.begin()
    entry.kind = kind
    entry.exchange = exchange.id
    entry.policy_version = exchange.policy_version
    return entry


def _add_request(entry: Entry, exchange: Exchange) -> None:
    arrival = exchange.arrival
    ask = exchange.__dict__.get("ask")
    if ask is not None:
        entry.model = named(ask.model)
    entry.surface = arrival.surface
    entry.peer = plain(arrival.peer, NAME_CHARACTERS)
    entry.client = plain(arrival.headers.get("user-agent", ""), CLIENT_CHARACTERS)
    entry.prompt_sha256 = exchange.prompt_digest.hexdigest()


def _add_result(entry: Entry, exchange: Exchange, owner: _Owner) -> None:
    known = exchange.__dict__
    target = known.get("target")
    if target is not None:
        entry.deployment = target.deployment
        entry.place = target.place
        entry.region = target.region
        if target is not owner.target:
            owner.target, owner.upstream_model = target, plain(target.upstream_model, NAME_CHARACTERS)
        entry.upstream_model = owner.upstream_model
    if "outcome" in known:
        entry.outcome = known["outcome"]
        entry.reason = known["reason"]
    if exchange.answer_bytes:
        entry.answer_sha256 = exchange.answer_digest.hexdigest()
    if exchange.attempts:
        entry.attempts = [Try(attempt.deployment, attempt.result) for attempt in exchange.attempts]
    entry.nano_usd = known.get("cost", 0)
    latency = round((perf_counter() - exchange.started) * 1e6)
    if latency > 0:
        entry.latency_us = latency
    if exchange.called is not None:
        usage = exchange.usage
        entry.tokens = Tokens(usage.cache_write, usage.cached, usage.estimated, usage.input, usage.output, usage.reasoning)


def _judged(decisions: Sequence[tuple[str, Decision]]) -> list[msgspec.Raw]:
    return [_encoded(stage, decision) for stage, decision in decisions]


_ENCODED = 1_024
_known: dict[tuple[int, str], tuple[Decision, msgspec.Raw]] = {}
"""Decisions lately encoded, by identity: most stages give the same object every time."""


def _encoded(stage: str, decision: Decision) -> msgspec.Raw:
    key = (id(decision), stage)
    known = _known.get(key)
    if known is not None and known[0] is decision:
        return known[1]
    if len(_known) >= _ENCODED:
        _known.clear()
    encoded = _encode_anew(stage, decision)
    _known[key] = (decision, encoded)
    return encoded


def _encode_anew(stage: str, decision: Decision) -> msgspec.Raw:
    detail = {_name(name): _bounded(value) for name, value in decision.detail.items()}
    judged = Judged(detail=detail, reason=decision.reason, stage=stage, verdict=decision.verdict)
    return msgspec.Raw(_encode(judged))


def _name(name: str) -> str:
    """A member's name in ASCII: for others the order of UTF-8 bytes is not the order that RFC 8785 asks for."""
    return name if name.isascii() else name.encode("unicode_escape").decode()


def _bounded(value: str | int | tuple[str, ...]) -> str | int | list[str]:
    if isinstance(value, str):
        return plain(value, NAME_CHARACTERS)
    if isinstance(value, int):
        return int(value)  # 1 for true, which is equal to it: what is equal must have the same bytes
    return [plain(part, NAME_CHARACTERS) for part in value[:DETAIL_PARTS]]
