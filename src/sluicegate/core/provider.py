"""A provider: an address, credentials and framing. It never translates and never decides."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol

import msgspec

from sluicegate.core.dialect import DialectName
from sluicegate.core.event import Event
from sluicegate.core.identity import RateLimit

JSON = "application/json"
"""The content type of nearly every body."""


class Place(StrEnum):
    """Where a deployment runs, from nearest to farthest."""

    ON_PREM = "on_prem"
    PRIVATE_CLOUD = "private_cloud"
    CLOUD = "cloud"


class Strategy(StrEnum):
    """How targets of one `order` are arranged (`routing/strategies.py`)."""

    WEIGHTED = "weighted"
    ORDER = "order"
    LEAST_LATENCY = "least_latency"
    ADAPTIVE = "adaptive"


class SecretUnavailable(Exception):
    """A secret cannot be read. The message names the reference and never the secret."""


class Credential(Protocol):
    """A reference to where a secret lives (`file:`, `env:`); the secret itself is read when a call needs it."""

    reference: str

    def reveal(self) -> str:
        """The secret. Raises SecretUnavailable, naming the reference and never the secret."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment, with everything a call to it needs."""

    deployment: str
    """The deployment's name, unique in the installation."""
    model: str
    """The name a client asks for; may be a pattern (`claude-*`)."""
    upstream_model: str
    """The name the provider knows; `*` sends the name the client asked for."""
    provider: str
    kind: str
    """Which Provider class carries the call: `http`, `demo`, `scripted`."""
    dialects: tuple[DialectName, ...]
    """What the provider speaks, at least one; the first is what a client that speaks none of them is translated to."""
    base_url: str
    credential: Credential | None
    headers: Mapping[str, str]
    place: Place
    region: str
    order: int
    weight: int
    max_output_tokens: int
    circuit: str
    """What fails and recovers by itself: the deployment, or one of the credentials that its calls are spread over."""
    rate: RateLimit | None = None
    """What it may be asked a minute and at once; None does not bound."""


class Request(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One call to a target."""

    dialect: DialectName
    """What the body says, one of the target's."""
    model: str
    """The name the provider knows, never `*`; some providers' addresses hold it."""
    body: bytes
    stream: bool = False
    """Whether the answer was asked for in events."""
    headers: Mapping[str, str] = {}
    """The client's own that may travel on (`anthropic-beta`, `traceparent`)."""
    kind: str = JSON
    """The body's content type."""
    method: str = "POST"
    tail: str = ""
    """What stands behind the dialect's usual path (`/resp_1/cancel`), ready to be sent."""


class Answer(Protocol):
    """A provider's answer once its head has arrived with a success status."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""

    async def read(self) -> Sequence[Event]:
        """The events that have arrived since, at least one; empty once the answer is over.

        Raises UpstreamTimeout, or UpstreamError with UPSTREAM_RESET or UPSTREAM_INVALID.
        """


class Provider(Protocol):
    """Carries one request to a target."""

    def send(self, target: Target, request: Request) -> AbstractAsyncContextManager[Answer]:
        """Send `request`; the answer is open until the context is left.

        Entering raises UpstreamError (UPSTREAM_UNREACHABLE, UPSTREAM_AUTH), UpstreamTimeout or UpstreamRejected. Leaving
        early closes the connection.
        """
