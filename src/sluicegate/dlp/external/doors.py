"""What a detector needs of the world outside its package; the composition root says how it is done.

A policy is read before anything can be called. So doors are made closed, and opened once the gateway has its connections.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from sluicegate.core.decision import Reason
from sluicegate.core.errors import UpstreamError
from sluicegate.core.provider import Credential


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


class Doors:
    """The ways out. While they are closed every call fails, which a detector answers for by its fail mode."""

    def __init__(self, credential: Callable[[str], Credential]) -> None:
        """`credential` makes a Credential of a reference (`file:`, `env:`), and raises ValueError for anything else."""
        self.credential = credential
        self.post: Post = _no_post
        self.chat: Chat = _no_chat

    def open(self, post: Post, chat: Chat) -> None:
        """From now on calls go out."""
        self.post = post
        self.chat = chat
