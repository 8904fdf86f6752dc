"""What is the same for every detector elsewhere: how long, how much, how many at once, and what a failure means."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

from sluicegate.core.dialect import Place
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


OVERLAP = 256
"""Characters that two pieces of a text share, at most."""
BETWEEN_BYTES = 2
"""What may stand between two texts in one call."""


class Piece(msgspec.Struct, frozen=True):
    """A passage, or where it is too long a piece of it: of which passage, from which character on, what it says, where."""

    index: int
    at: int
    text: str
    place: Place


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every detector's section may say."""

    timeout: Annotated[float, msgspec.Meta(gt=0, le=60)] = 2.0
    """Seconds for everything that is asked about one request, the wait for a turn included."""
    max_bytes: Annotated[int, msgspec.Meta(ge=100, le=10_000_000)] = 100_000
    """Of text in one call; passages are shared out over calls, and one that is longer comes in pieces."""
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

    def batches(self, passages: Sequence[Passage]) -> list[list[Piece]]:
        """The passages that hold something, shared out over calls. Raises Unscannable where it would take too many."""
        most = self._bounds.max_bytes
        batches: list[list[Piece]] = []
        left = 0
        for piece in self._pieces(passages):
            size = len(piece.text.encode("utf-8", "surrogatepass"))
            if size > left:
                if len(batches) >= MAX_CALLS:
                    raise Unscannable(f"{self._name} is not asked more than {MAX_CALLS} times about one request")
                batches.append([])
                left = most
            batches[-1].append(piece)
            left -= size + BETWEEN_BYTES
        return batches

    def _pieces(self, passages: Sequence[Passage]) -> Iterator[Piece]:
        """What is too long for one call comes in pieces that overlap, so that a value at a cut is whole in one of them."""
        most = self._bounds.max_bytes
        for index, passage in enumerate(passages):
            text = passage.text
            if not text.strip():
                continue
            if len(text) * 4 <= most or len(text.encode("utf-8", "surrogatepass")) <= most:
                yield Piece(index, 0, text, passage.place)
                continue
            size = most if text.isascii() else most // 4
            for at in range(0, len(text), size - min(OVERLAP, size // 4)):
                yield Piece(index, at, text[at : at + size], passage.place)
                if at + size >= len(text):
                    break

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
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
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
