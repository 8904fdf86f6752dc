"""The shipped fake: a provider in this process that answers, stalls and fails as a script says."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType

import msgspec

from sluicegate.core.errors import UpstreamError
from sluicegate.core.event import Event
from sluicegate.core.provider import Request, Target


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """One call's fate. Without anything it is an answer without an event."""

    refusal: UpstreamError | None = None
    """Raised instead of an answer."""
    batches: Sequence[Sequence[Event]] = ()
    """What each read gives."""
    failure: UpstreamError | None = None
    """Raised after the last batch, instead of the end."""
    hold: asyncio.Event | None = None
    """Waited for before the answer's head."""
    hold_end: asyncio.Event | None = None
    """Waited for after the last batch."""
    headers: Mapping[str, str] = {}


class Sent(msgspec.Struct, frozen=True):
    """One call as the provider saw it."""

    target: Target
    request: Request


class ScriptedProvider:
    """Answers each deployment's calls by its scripts in order; the last one serves every further call.

    Deployments without scripts of their own use those of `*`.
    """

    def __init__(self, scripts: Mapping[str, Sequence[Script]]) -> None:
        self._scripts = {name: list(given) for name, given in scripts.items()}
        self.sent: list[Sent] = []
        self.entered = asyncio.Event()
        """Set when the first call has arrived."""
        self.left: list[bool] = []
        """For each call whose context was left: whether its answer had been read to the end."""

    def send(self, target: Target, request: Request) -> "ScriptedCall":
        """One call; see core.provider.Provider."""
        self.sent.append(Sent(target, request))
        scripts = self._scripts.get(target.deployment) or self._scripts["*"]
        return ScriptedCall(self, scripts.pop(0) if len(scripts) > 1 else scripts[0])


class ScriptedCall:
    """One call and its answer."""

    def __init__(self, provider: ScriptedProvider, script: Script) -> None:
        self._provider = provider
        self._script = script
        self._next = 0
        self._over = False
        self.status = 200
        self.headers = script.headers

    async def __aenter__(self) -> "ScriptedCall":
        self._provider.entered.set()
        if self._script.hold is not None:
            await self._script.hold.wait()
        if self._script.refusal is not None:
            raise self._script.refusal
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._provider.left.append(self._over)

    async def read(self) -> Sequence[Event]:
        """See core.provider.Answer."""
        if self._next < len(self._script.batches):
            self._next += 1
            return self._script.batches[self._next - 1]
        if self._script.hold_end is not None:
            await self._script.hold_end.wait()
        if self._script.failure is not None:
            raise self._script.failure
        self._over = True
        return ()
