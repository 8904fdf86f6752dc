"""A provider: an address, credentials and framing. It never translates and never decides."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol

import msgspec

from sluicegate.core.dialect import DialectName
from sluicegate.core.event import Event


class Place(StrEnum):
    """Where a deployment runs, from nearest to farthest."""

    ON_PREM = "on_prem"
    PRIVATE_CLOUD = "private_cloud"
    CLOUD = "cloud"


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
    dialect: DialectName
    base_url: str
    credential: Credential | None
    headers: Mapping[str, str]
    place: Place
    region: str
    order: int
    weight: int
    max_output_tokens: int


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

    def send(
        self, target: Target, document: bytes, *, stream: bool, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Answer]:
        """Send `document` (JSON in the target's dialect); the answer is open until the context is left.

        `headers` are the client's own that may travel on (`anthropic-beta`, `traceparent`). Entering raises
        UpstreamError (UPSTREAM_UNREACHABLE, UPSTREAM_AUTH), UpstreamTimeout or UpstreamRejected. Leaving early closes
        the connection.
        """
