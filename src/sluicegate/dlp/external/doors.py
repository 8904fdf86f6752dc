"""What a detector needs of the world outside its package; the composition root says how it is done.

A policy is read before anything can be called. So doors are made closed, and opened once the gateway has its connections.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError
from sluicegate.core.provider import Credential, SecretUnavailable


class Reply(msgspec.Struct, frozen=True):
    """An HTTP answer; redirects are not followed."""

    status: int
    body: bytes


class Post(Protocol):
    """Sends a JSON body to an http or https address."""

    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str], max_bytes: int) -> Reply:
        """The answer; one of more than `max_bytes` bytes is an error. Raises UpstreamError. The caller bounds the time."""


class Chat(Protocol):
    """Asks a model on premises."""

    async def __call__(self, deployment: str, system: str, user: str, max_tokens: int) -> str:
        """The text of its answer. Raises UpstreamError, also where the deployment is unknown or not on premises."""


async def _no_post(url: str, body: bytes, headers: Mapping[str, str], max_bytes: int) -> Reply:  # noqa: ARG001 - Post's
    raise UpstreamError(Reason.UPSTREAM_UNREACHABLE, "Nothing can be reached from here.")


async def _no_chat(deployment: str, system: str, user: str, max_tokens: int) -> str:  # noqa: ARG001 - Chat's
    raise UpstreamError(Reason.UPSTREAM_UNREACHABLE, "No model can be asked from here.")


def _no_credential(reference: str) -> Credential:
    raise SecretUnavailable(f"{reference} cannot be read from here")


class Doors:
    """The ways out. While they are closed every call fails, which a detector answers for by its fail mode."""

    def __init__(self) -> None:
        self.post: Post = _no_post
        self.chat: Chat = _no_chat
        self.credential: Callable[[str], Credential] = _no_credential
        """Makes a Credential of a reference (`file:`, `env:`). Raises SecretUnavailable while it is closed."""

    def open(self, post: Post, chat: Chat, credential: Callable[[str], Credential]) -> None:
        """From now on calls go out."""
        self.post = post
        self.chat = chat
        self.credential = credential


class Late:
    """A credential that is looked up when it is first needed: the doors may be closed until then."""

    def __init__(self, reference: str, doors: Doors) -> None:
        self.reference = reference
        self._doors = doors
        self._found: Credential | None = None

    def reveal(self) -> str:
        """The secret. Raises SecretUnavailable, naming the reference."""
        if self._found is None:
            self._found = self._doors.credential(self.reference)
        return self._found.reveal()
