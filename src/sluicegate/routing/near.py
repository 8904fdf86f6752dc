"""Texts that mean the same: where in which conversation a text stands, and which others were asked there.

Two requests are compared that are the same but for the last text of their conversation, which must be the user's, and must
hold the same numbers. What it means is the vector that a model makes of it; how alike two are is the cosine of these.
"""

import logging
import re
from array import array
from asyncio import timeout
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Container, Sequence
from hashlib import sha256
from math import isfinite, sqrt
from operator import mul
from typing import NamedTuple, TypeAlias

from sluicegate.core.dialect import DialectName, Form, Place, Span
from sluicegate.core.errors import InvalidRequest, UpstreamError
from sluicegate.core.exchange import Exchange, encode
from sluicegate.routing.cacheable import key_of
from sluicegate.settings import Cache as Bounds

log = logging.getLogger(__name__)

MAX_DIMENSIONS = 8_192
_CONVERSING = frozenset(
    (DialectName.OPENAI_CHAT, DialectName.ANTHROPIC_MESSAGES, DialectName.OPENAI_RESPONSES, DialectName.GEMINI)
)
_SAID = frozenset((Place.USER, Place.ASSISTANT, Place.TOOL_ARGUMENTS, Place.TOOL_RESULT))
"""Places that make up a conversation."""

_NUMBER = re.compile(r"\d+")

Vector: TypeAlias = "array[float]"
"""Of length 1."""


class Meaning(NamedTuple):
    """What a text means, and by which deployment's model: vectors of two models say nothing of one another."""

    deployment: str
    model: str
    vector: Sequence[float]


Embed = Callable[[str, Sequence[str]], Awaitable[Meaning]]
"""Tells what a text means that may be processed in these regions. Raises UpstreamError."""


class Point(NamedTuple):
    """A text's place, and what it means."""

    place: bytes
    vector: Vector
    deployment: str


class Near:
    """Keys of answers, by where and what was asked; within bounds. It holds vectors and digests, and no text."""

    def __init__(self, bounds: Bounds, embed: Embed, clock: Callable[[], float]) -> None:
        """`clock` tells seconds and never goes back."""
        self._bounds = bounds
        self._embed = embed
        self._clock = clock
        self._quiet_until = 0.0
        self._vectors = 0
        self._places: OrderedDict[bytes, OrderedDict[bytes, Vector]] = OrderedDict()

    async def locate(self, exchange: Exchange) -> Point | None:
        """The exchange's text; None where it has none that can be compared, or nobody can tell what it means."""
        if self._clock() < self._quiet_until or (found := asked_text(exchange)) is None:
            return None
        text, place = found
        if len(text) > self._bounds.max_text_characters:
            return None
        try:
            async with timeout(self._bounds.embedding_timeout):
                meaning = await self._embed(text, exchange.grant.use_case.regions)
        except (UpstreamError, TimeoutError) as error:
            reason = error.reason.value if isinstance(error, UpstreamError) else "timeout"
            log.warning("the cache cannot tell what texts mean", extra={"reason": reason})
            self._quiet_until = self._clock() + self._bounds.embedding_pause
            return None
        vector = unit(meaning.vector)
        if vector is None:
            return None
        return Point(sha256(place + meaning.model.encode()).digest(), vector, meaning.deployment)

    def around(self, point: Point, threshold: float) -> list[tuple[bytes, float]]:
        """Keys of the answers to texts at least so like this one, with how like they are, the most alike first."""
        alike = []
        for key, vector in self._places.get(point.place, {}).items():
            if len(vector) == len(point.vector):
                likeness = sum(map(mul, vector, point.vector))
                if likeness >= threshold:
                    alike.append((key, min(likeness, 1.0)))
        return sorted(alike, key=lambda one: -one[1])

    def keep(self, point: Point, key: bytes) -> None:
        """Remember that the answer of `key` was made for this text."""
        texts = self._places.setdefault(point.place, OrderedDict())
        self._places.move_to_end(point.place)
        self._vectors += key not in texts
        texts[key] = point.vector
        texts.move_to_end(key)
        if len(texts) > self._bounds.max_near:
            texts.popitem(last=False)
            self._vectors -= 1
        while self._vectors > self._bounds.max_vectors:
            self._vectors -= len(self._places.popitem(last=False)[1])

    def sweep(self, kept: Container[bytes]) -> None:
        """Forget every text whose answer is not `kept` any more."""
        for place, texts in list(self._places.items()):
            for key in [key for key in texts if key not in kept]:
                del texts[key]
                self._vectors -= 1
            if not texts:
                del self._places[place]


def asked_text(exchange: Exchange) -> tuple[str, bytes] | None:
    """The last text of the conversation, and the digest of all else and of its numbers; None where it is not the user's.

    So too where there are tools, files, images or sounds: an answer that acts, or that looks, goes with its very words.
    """
    ask = exchange.ask
    if exchange.dialect.name not in _CONVERSING:
        return None
    if ask.features or ask.tools or ask.blobs or ask.media:
        return None
    try:
        reading = exchange.dialect.spans(exchange.document)
    except InvalidRequest:  # inspection read it within bounds of its own
        return None
    if reading.unread or reading.files:
        return None
    span = next((each for each in reversed(reading.spans) if each.place in _SAID), None)
    if span is None or not _replaceable(span):
        return None
    holder, key = span.holder, span.key
    said = holder[key]
    holder[key] = ""
    try:
        place = key_of(exchange, blank=True)
    finally:
        holder[key] = said
    return span.text, sha256(place + encode({"numbers": _NUMBER.findall(span.text)})).digest()


def unit(vector: Sequence[float]) -> "Vector | None":
    """The vector at length 1; None for what points nowhere."""
    if not 0 < len(vector) <= MAX_DIMENSIONS:
        return None
    length = sqrt(sum(map(mul, vector, vector)))
    return array("d", [number / length for number in vector]) if isfinite(length) and length > 0 else None


def _replaceable(span: Span) -> bool:
    """Whether the text stands by itself in the document, and says something."""
    own = span.form is Form.TEXT and span.nested is None and not span.sealed and type(span.holder) in (dict, list)
    return own and span.place is Place.USER and bool(span.text.strip())
