"""One request, its answer, and everything decided about it."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Generic, TypeVar, overload

import msgspec

from sluicegate.core.decision import Decision, Reason
from sluicegate.core.dialect import Ask, Dialect, Json
from sluicegate.core.errors import GatewayError
from sluicegate.core.event import Event
from sluicegate.core.identity import Grant
from sluicegate.core.provider import Target
from sluicegate.core.usage import Usage

T = TypeVar("T")


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
        if self.name in instance.__dict__:
            raise RuntimeError(f"{self.name} was written twice; {self.by} writes it once")
        instance.__dict__[self.name] = value


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
    """Names in lower case."""
    body: bytes = b""
    fault: GatewayError | None = None
    """What the server found wrong (the method, too many exchanges); it is told and recorded once the caller is known."""
    read: Callable[[], Awaitable[bytes]] | None = None
    """Reads the body. Raises InvalidRequest (too large, not JSON) and ClientGone."""


class Attempt(msgspec.Struct, frozen=True):
    """One call to one target, and how it went (`answered` or a reason code)."""

    deployment: str
    result: str


class Reservation(msgspec.Struct, frozen=True):
    """What was set aside before the call, in the units of the ledger; settled to what was really used."""

    tokens: int
    nano_usd: int


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

    def __init__(self, id: str, dialect: Dialect, arrival: Arrival) -> None:
        self.id = id
        self.dialect = dialect
        self.arrival = arrival
        self.stage = ""
        """The stage at work, for the message when it breaks."""
        self.edited = False
        """Whether a stage changed the document, so that it must be serialised again."""
        self.on_prem_only = False
        """Whether the prompt's inspection found what only an on-prem deployment may see."""
        self.decisions: list[tuple[str, Decision]] = []
        self.intended: int | None = None
        """How many decisions the intent entry holds; None while none was tried."""
        self.attempts: list[Attempt] = []
        self.spend: tuple[Spend, ...] = ()
        """What s3_limit settled, for s8_record to write in the outcome's transaction."""
        self.usage = Usage(estimated=True)
        self.prompt_digest = sha256(arrival.body)
        self.answer_digest = sha256()
        self.answer_bytes = 0
        self.tool_calls: list[str] = []
        self.finish: str | None = None
        self.response_headers: dict[str, str] = {}
        """Headers that stages ask for, on an answer and on an error alike (`x-ratelimit-…`, `retry-after`)."""
        self.policy_version = ""
        self.started_at = time.time()
        self.started = time.perf_counter()
        self.called: float | None = None
        """`time.perf_counter()` when the first call began; None if no provider was called."""
        self.first_event: float | None = None
        """`time.perf_counter()` when the first event of the answer came from the provider."""

    async def receive(self) -> bytes:
        """The body, read from the client if it has not been. Raises what the arrival's fault or its reading raises."""
        arrival = self.arrival
        if arrival.fault is not None:
            raise arrival.fault
        if arrival.read is not None:
            arrival.body = await arrival.read()
            arrival.read = None
            self.prompt_digest = sha256(arrival.body)
        return arrival.body

    def note_released(self, events: Sequence[Event]) -> None:
        """Count `events` into the answer's digest: they leave for the client now, or with the outcome entry."""
        for event in events:
            self.answer_digest.update(event.raw)
            self.answer_bytes += len(event.raw)

    def knows(self, name: str) -> bool:
        """Whether the once-written value `name` has been written."""
        return name in self.__dict__
