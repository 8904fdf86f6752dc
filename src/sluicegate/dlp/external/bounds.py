"""What is the same for every detector elsewhere: how long, how much, how many at once, and what a failure means."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

from sluicegate.core.errors import GatewayError
from sluicegate.core.provider import Credential, SecretUnavailable
from sluicegate.dlp.detector import DetectorFailed, Passage
from sluicegate.dlp.external.doors import Doors, Late
from sluicegate.dlp.packs import RuleError
from sluicegate.dlp.panel import Unscannable

T = TypeVar("T")

MAX_CALLS = 64
"""Of one detector about one request; what would take more it cannot look at."""

Reference = Annotated[str, msgspec.Meta(pattern=r"^(file|env):.+$")]


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every detector's section may say."""

    timeout: Annotated[float, msgspec.Meta(gt=0, le=60)] = 2.0
    """Seconds for everything that is asked about one request, the wait for a turn included."""
    max_bytes: Annotated[int, msgspec.Meta(ge=100, le=10_000_000)] = 100_000
    """Of text in one call; passages are shared out over calls, and one that is longer cannot be looked at."""
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 8
    """Calls at once, of all requests together."""
    on_failure: Literal["refuse", "allow"] = "refuse"
    """What becomes of a request that it could not look at."""


class Outside:
    """Makes the calls of one detector within its bounds."""

    def __init__(self, name: str, bounds: Bounds) -> None:
        self._name = name
        self._bounds = bounds
        self._free = asyncio.Semaphore(bounds.concurrency)

    def batches(self, passages: Sequence[Passage]) -> list[list[int]]:
        """The indexes of passages that hold something, shared out over calls. Raises Unscannable."""
        most = self._bounds.max_bytes
        batches: list[list[int]] = []
        left = 0
        for index, passage in enumerate(passages):
            size = len(passage.text.encode("utf-8", "surrogatepass")) + 2
            if size > most + 2:
                raise Unscannable(f"{self._name} takes no passage of more than {most} bytes")
            if not passage.text.strip():
                continue
            if size > left:
                batches.append([])
                left = most + 2
            batches[-1].append(index)
            left -= size
        if len(batches) > MAX_CALLS:
            raise Unscannable(f"{self._name} is not asked more than {MAX_CALLS} times about one request")
        return batches

    async def all(self, calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """What the calls say. Raises DetectorFailed with the first failure, and leaves no call behind."""
        tasks = [asyncio.ensure_future(self._one(call)) for call in calls]
        try:
            async with asyncio.timeout(self._bounds.timeout):
                return await asyncio.gather(*tasks)
        except TimeoutError:
            raise DetectorFailed(f"{self._name} did not answer in time") from None
        finally:
            for task in tasks:
                task.cancel()

    async def _one(self, call: Coroutine[Any, Any, T]) -> T:
        async with self._free:
            try:
                return await call
            except GatewayError as error:
                raise DetectorFailed(f"{self._name} was not reached ({error.reason})") from None
            except SecretUnavailable as error:
                raise DetectorFailed(f"{self._name}: {error}") from None


def decoded(name: str, decoder: msgspec.json.Decoder[T], body: bytes | str) -> T:
    """What `body` says. Raises DetectorFailed for anything else than what was agreed; the message quotes nothing."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise DetectorFailed(f"{name} answered with something else than what was agreed") from None


def checked_url(name: str, url: str) -> str:
    """`url`, an http or https address that can be called. Raises RuleError."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url or "#" in url:
        raise RuleError(f"detectors.{name}.url: an http or https address is needed, without a user name and a fragment")
    return url


def credential(reference: str | None, doors: Doors) -> Credential | None:
    """The credential that a section names, if it names one."""
    return None if reference is None else Late(reference, doors)


def bearer(found: Credential | None) -> Mapping[str, str]:
    """The header that shows the credential. Raises SecretUnavailable."""
    return {} if found is None else {"Authorization": f"Bearer {found.reveal()}"}
