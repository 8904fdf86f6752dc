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


class AuthKind(StrEnum):
    """How a provider knows the gateway."""

    HEADER = "header"
    """The credential stands in a header."""
    ENTRA = "entra"
    """A token of Microsoft Entra ID; the credential is a client's secret or a federated token."""
    AWS = "aws"
    """Each request is signed (Signature Version 4); the credential is `id:secret` or `id:secret:token`, or the machine's."""
    GOOGLE = "google"
    """A token of Google Cloud; the credential is a file of a service account, or the machine's."""


class Auth(msgspec.Struct, frozen=True):
    """How a call shows who makes it; what is empty is not used by this kind."""

    kind: AuthKind = AuthKind.HEADER
    header: str = ""
    """HEADER: which one; empty: the usual one of the dialect."""
    scheme: str = ""
    """HEADER: the word before the credential (`Bearer`)."""
    authority: str = ""
    """ENTRA: where tokens are asked for."""
    tenant: str = ""
    client: str = ""
    scope: str = ""
    """ENTRA, GOOGLE: what the token is for."""
    federated: bool = False
    """ENTRA: whether the credential is a federated token rather than a secret."""
    service: str = ""
    """AWS: the service's name in signatures."""


class Quirk(StrEnum):
    """How a model or server differs from its dialect; what is said here is changed in every request to it."""

    MAX_COMPLETION_TOKENS = "max_completion_tokens"
    """`max_tokens` is sent as `max_completion_tokens`."""
    MAX_TOKENS = "max_tokens"
    """`max_completion_tokens` is sent as `max_tokens`."""
    NO_STREAM_OPTIONS = "no_stream_options"
    """`stream_options` is left out; the server reports usage by itself, or it is estimated."""
    NO_PARALLEL_TOOL_CALLS = "no_parallel_tool_calls"
    """`parallel_tool_calls` is left out."""
    NO_STRICT = "no_strict"
    """`strict` is left out of tools."""
    NO_SYSTEM = "no_system"
    """System and developer messages are sent as the user's."""
    NO_DEVELOPER = "no_developer"
    """Developer messages are sent as system messages."""
    NO_SAMPLING = "no_sampling"
    """`temperature`, `top_p`, `top_k` and the penalties are left out, as reasoning models ask."""
    NO_STORE = "no_store"
    """`store: false` is left out."""
    ANTHROPIC_BEDROCK = "anthropic_bedrock"
    """Anthropic's body as Amazon Bedrock takes it: no `model`, no `stream`, its version and betas inside."""
    ANTHROPIC_VERTEX = "anthropic_vertex"
    """Anthropic's body as Vertex AI takes it: no `model`, its version inside."""


class ClientHeader(StrEnum):
    """Headers of a client that may mean something to a provider; each provider lists those that it is sent."""

    ANTHROPIC_BETA = "anthropic-beta"
    ANTHROPIC_VERSION = "anthropic-version"
    OPENAI_BETA = "openai-beta"
    OPENAI_ORGANIZATION = "openai-organization"
    OPENAI_PROJECT = "openai-project"
    GOOGLE_USER_PROJECT = "x-goog-user-project"


class Path(msgspec.Struct, frozen=True):
    """Where one dialect is called, behind the base URL; `{model}` stands for the model's name."""

    whole: str
    stream: str = ""
    """The same for an answer in events, where that differs."""


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
    paths: Mapping[DialectName, Path] = {}
    """Where a dialect is called; for those that are not named, the usual ones."""
    query: str = ""
    """Added to every address (`api-version=2024-10-21`)."""
    auth: Auth | None = None
    """Unless given, the usual header of the dialect."""
    client_headers: tuple[ClientHeader, ...] = ()
    """The client's own headers that travel on where both speak the same dialect."""
    quirks: tuple[Quirk, ...] = ()


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
    own: Sequence[tuple[bytes, bytes]] | None = None
    """The headers of a client that shows a credential of its own; then they are sent in place of the target's."""


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
