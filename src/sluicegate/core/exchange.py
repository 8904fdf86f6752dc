"""One request, its answer, and everything decided about it."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from time import perf_counter, time
from typing import Generic, TypeVar, overload

import msgspec

from sluicegate.core.decision import Decision, Reason
from sluicegate.core.dialect import Ask, Dialect, Json
from sluicegate.core.errors import GatewayError
from sluicegate.core.event import Event, JsonArray
from sluicegate.core.identity import Grant
from sluicegate.core.provider import JSON, Target
from sluicegate.core.usage import Usage

T = TypeVar("T")

encode: Callable[[Json], bytes] = msgspec.json.Encoder().encode
"""A document as JSON."""


class Once(Generic[T]):
    """A value learnt once, by the stage `by`: reading before writing, or writing twice, raises."""

    def __init__(self, by: str) -> None:
        self.by = by

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> "Once[T]": ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> "T | Once[T]":
        if instance is None:
            return self
        try:
            value: T = instance.__dict__[self.name]
        except KeyError:
            raise RuntimeError(f"{self.name} was read before {self.by} wrote it") from None
        return value

    def __set__(self, instance: object, value: T) -> None:
        name, written = self.name, instance.__dict__
        if name in written:
            raise RuntimeError(f"{name} was written twice; {self.by} writes it once")
        written[name] = value


class Outcome(StrEnum):
    """How an exchange ended."""

    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"
    ABANDONED = "abandoned"
    UNKNOWN_CRASH = "unknown_crash"


class Arrival(msgspec.Struct):
    """The request as HTTP brought it. Its body stays with the client until the caller is known: see `Exchange.receive`."""

    surface: str
    """The route, as a template: `/v1/chat/completions`."""
    peer: str
    """The client's address, as the server or a trusted proxy saw it."""
    headers: Mapping[str, str]
    """Names in lower case; those that anyone asks for (`web/llm.py`, ASKED)."""
    body: bytes = b""
    fault: GatewayError | None = None
    """What the server found wrong (the method, too many exchanges); it is told and recorded once the caller is known."""
    read: Callable[[], bytes | Awaitable[bytes]] | None = None
    """Reads the body, at once if it has come whole. Raises InvalidRequest (too large, not JSON) and ClientGone."""
    kind: str = JSON
    """The body's content type, as it is sent on to a target of the same dialect."""
    method: str = "POST"
    tail: str = ""
    """What is called behind the dialect's usual path (`/resp_1/cancel`), ready to be sent."""
    parse: Callable[[bytes], Json] | None = None
    """Makes a body that is no JSON a document. Raises InvalidRequest."""
    write: Callable[[Json], bytes] = encode
    """Makes an edited document a body of `kind` again."""
    raw: Sequence[tuple[bytes, bytes]] = ()
    """Every header as it came, for a client that shows its provider a credential of its own."""


class Kept(msgspec.Struct, frozen=True):
    """Where a provider keeps an answer that a request refers to."""

    model: str
    """The model it was asked of."""
    provider: str
    account: str
    """The reference of the credential it was made with; empty without one."""
    tokens: int = 0
    """Of its prompt and itself, all before them included: what goes with a request that follows it. Until it is complete,
    the most that can be."""


class Attempt(msgspec.Struct, frozen=True):
    """One call to one target, and how it went (`answered` or a reason code)."""

    deployment: str
    result: str


class Reservation(msgspec.Struct, frozen=True):
    """What was set aside before the call, in the units of the ledger; settled to what was really used."""

    tokens: int
    nano_usd: int
    input: int
    """Tokens of the prompt among them, estimated."""


class Spend(msgspec.Struct, frozen=True):
    """What one exchange adds to one scope's spending in one window; written with the outcome entry."""

    scope: str
    window: str
    tokens: int
    nano_usd: int


class Exchange:
    """One request and its answer. The client's document stays as written, except where a stage edits it."""

    grant = Once[Grant]("s1_authenticate")
    document = Once[Json]("s2_scope")
    """The client's JSON; edited in place by governance."""
    ask = Once[Ask]("s2_scope")
    reservation = Once[Reservation]("s3_limit")
    route = Once[tuple[Target, ...]]("s5_route")
    target = Once[Target]("s6_call")
    outcome = Once[Outcome]("pipeline")
    reason = Once[Reason]("pipeline")
    cost = Once[int]("s3_limit")
    """Nano-dollars, settled."""

    # What few exchanges change is kept by the class until one does.
    stage = ""
    """The stage at work, for the message when it breaks."""
    edited = False
    """Whether a stage changed the document, so that it must be serialised again."""
    renamed = False
    """Whether the model in the document is the use case's own name for that in `ask`."""
    on_prem_only = False
    """Whether only an on-prem deployment may answer: what the prompt holds must stay, or a budget is used up."""
    sealed_values = b""
    """What the placeholders of the prompt stand for, encrypted (`dlp/vault.py`); empty where it has none."""
    kept: Kept | None = None
    """Where the stored answer is kept that the request refers to; its targets are confined to that."""
    intended: int | None = None
    """How many decisions the intent entry holds; None while none was tried."""
    spend: tuple[Spend, ...] = ()
    """What s3_limit settled, for s8_record to write in the outcome's transaction."""
    capacity: Callable[[int], None] | None = None
    """Settles, with the tokens that were used, what the call took of its target's own limits."""
    usage = Usage(estimated=True)
    answer_digest: "hashlib._Hash"
    """The SHA-256 of what left for the client; there is none before the first byte."""
    answer_bytes = 0
    framing: JsonArray | None = None
    """How a streamed answer's events leave, where the client reads no server-sent events."""
    finish: str | None = None
    policy_version = ""
    own_credential = False
    """Whether the client shows its provider a credential of its own."""
    called: float | None = None
    """`time.perf_counter()` when the first call began; None if no provider was called."""
    first_event: float | None = None
    """`time.perf_counter()` when the first event of the answer came from the provider."""

    def __init__(self, id: str, dialect: Dialect, arrival: Arrival) -> None:
        self.id = id
        self.dialect = dialect
        self.arrival = arrival
        self.decisions: list[tuple[str, Decision]] = []
        self.attempts: list[Attempt] = []
        self.tool_calls: list[str] = []
        self.response_headers: dict[str, str] = {}
        """Headers that stages ask for, on an answer and on an error alike (`x-ratelimit-…`, `retry-after`)."""
        self.started_at = time()
        self.started = perf_counter()

    @property
    def prompt_digest(self) -> "hashlib._Hash":
        """The SHA-256 of the body as far as it was read: of nothing for a caller who was refused before."""
        return sha256(self.arrival.body)

    async def receive(self) -> bytes:
        """The body, read from the client if it has not been. Raises what the arrival's fault or its reading raises."""
        arrival = self.arrival
        if arrival.fault is not None:
            raise arrival.fault
        if arrival.read is not None:
            body = arrival.read()
            arrival.body = body if isinstance(body, bytes) else await body
            arrival.read = None
        return arrival.body

    def note_released(self, events: Sequence[Event]) -> None:
        """Count `events` into the answer's digest: they leave for the client now, or with the outcome entry."""
        if self.framing is not None:
            self.framing.frame(events)
        for event in events:
            raw = event.raw
            if self.answer_bytes:
                self.answer_digest.update(raw)
            else:
                self.answer_digest = sha256(raw)
            self.answer_bytes += len(raw)

    def knows(self, name: str) -> bool:
        """Whether the once-written value `name` has been written."""
        return name in self.__dict__
