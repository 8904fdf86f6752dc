"""Gemini's smaller APIs: `countTokens`, `embedContent`, `batchEmbedContents`.

Source: ai.google.dev/api/tokens and /api/embeddings, and the types of google-genai. Answers are numbers; anything else in
them is governed.
"""

from typing import Any

from msgspec.structs import replace

from sluicegate.core.dialect import BOUNDS, Ask, Bounds, DialectName, Json, Piece, Reading, SystemEdit, SystemMode
from sluicegate.core.event import Event
from sluicegate.core.usage import Unit, Usage
from sluicegate.dialects import gemini_request
from sluicegate.dialects.answers import document_of, govern, tokens
from sluicegate.dialects.checks import wrong
from sluicegate.dialects.gemini import Gemini
from sluicegate.dialects.gemini_names import Names, either, items, member, spelling
from sluicegate.dialects.gemini_places import REQUEST, contents, fields, read_spans, request
from sluicegate.dialects.gemini_request import Seen
from sluicegate.dialects.walk import each, knob, structural, text, words

_INNER = "generateContentRequest"
_COUNTED = Names("contents", _INNER)
_count = fields({**REQUEST, _INNER: request})
_TASKS = (
    "task_type_unspecified",
    "retrieval_query",
    "retrieval_document",
    "semantic_similarity",
    "classification",
    "clustering",
    "question_answering",
    "fact_verification",
    "code_retrieval_query",
)
_SETTINGS = {
    "taskType": words(*_TASKS),
    "title": text,
    "outputDimensionality": knob,
    "autoTruncate": knob,
    "documentOcr": knob,
    "audioTrackExtraction": knob,
}
_EMBEDDED = Names("model", "content", "embedContentConfig")
_EMBED = {"model": structural, "content": contents, **_SETTINGS, "embedContentConfig": fields(_SETTINGS)}
_embed = fields({**_EMBED, "requests": each(fields(_EMBED))})
_BATCH = Names("requests", "content")
_COUNTS = frozenset({"totalTokens", "cachedContentTokenCount", "promptTokensDetails", "cacheTokensDetails"})
_ABOUT = frozenset({"usageMetadata", "truncated"})
_NUMBERS = frozenset({int, float})
_NOTHING = SystemEdit()


class GeminiCountTokens(Gemini):
    """The dialect. Nothing is answered but a number, which Google does not charge for."""

    __slots__ = ()

    name = DialectName.GEMINI_COUNT_TOKENS

    def read(self, document: Json) -> Ask:
        """Contents alone, or a whole request to generate."""
        _COUNTED.check(document)
        counted = member(document, _INNER)
        if counted and either(document, "contents") is not None:
            raise wrong("contents", f"left out where `{_INNER}` is given")
        ask = gemini_request.read(counted or document, self.model, stream=False)
        return replace(ask, max_tokens=0, choices=1, unit=Unit.NOTHING)

    def spans(self, document: Json, bounds: Bounds = BOUNDS) -> Reading:
        """See `Dialect.spans`."""
        return read_spans(document, bounds, _count)

    def bind_system(self, document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:
        """Where the request has a place for it: contents alone are counted as they are."""
        counted = member(document, _INNER)
        if counted or either(document, "systemInstruction") is not None:
            return gemini_request.bind_system(counted or document, prompt, mode)
        return _NOTHING

    def for_model(self, document: Json, model: str) -> Json:
        """See `NamesAgain`."""
        counted = member(document, _INNER)
        return {**document, spelling(document, _INNER): _named(counted, model)} if counted else document

    def pieces(self, event: Event) -> list[Piece]:
        """What is no count."""
        return _others(event, _COUNTS)


class GeminiEmbed(Gemini):
    """The dialect of `:embedContent`."""

    __slots__ = ()

    name = DialectName.GEMINI_EMBED

    def read(self, document: Json) -> Ask:
        """See `Dialect.read`. There is no answer in tokens."""
        seen = Seen()
        self.content(document, "", seen)
        return self.ask(seen)

    def ask(self, seen: Seen) -> Ask:
        """What was found to be asked."""
        return Ask(
            self.model,
            stream=False,
            max_tokens=0,
            features=frozenset(seen.features),
            blobs=seen.blobs,
            blob_bytes=seen.blob_bytes,
        )

    def content(self, document: Json, path: str, seen: Seen) -> None:
        """One content that is to become a vector."""
        _EMBEDDED.check(document, path)
        if document.get("model") not in (None, self.model, f"models/{self.model}"):
            raise wrong(f"{path}model", "left out, or the model that the path names")
        content = document.get("content")
        if type(content) is not dict:
            raise wrong(f"{path}content", "an object with parts")
        seen.content(content, f"{path}content")

    def spans(self, document: Json, bounds: Bounds = BOUNDS) -> Reading:
        """See `Dialect.spans`."""
        return read_spans(document, bounds, _embed)

    def bind_system(self, document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:  # noqa: ARG002
        """There is no system prompt."""
        return _NOTHING

    def bounded(self, document: Json, tokens: int) -> Json:  # noqa: ARG002
        """There is no word for it."""
        return document

    def for_model(self, document: Json, model: str) -> Json:
        """See `NamesAgain`."""
        return _named(document, model)

    def usage(self, event: Event, known: Usage) -> Usage:
        """The tokens of the contents, where they are told."""
        document = document_of(event)
        report = document.get("usageMetadata") if document is not None else None
        sent = tokens(report, "promptTokenCount") if type(report) is dict else None
        return Usage(sent, 0) if sent else known

    def pieces(self, event: Event) -> list[Piece]:
        """What is no vector."""
        document = document_of(event)
        pieces: list[Piece] = []
        for field, value in (document or {}).items():
            vectors = [value] if field == "embedding" else value if field == "embeddings" else None
            if field not in _ABOUT and not (type(vectors) is list and all(map(_is_vector, vectors))):
                govern(pieces, field, document, field, value)
        return pieces


class GeminiBatchEmbed(GeminiEmbed):
    """The dialect of `:batchEmbedContents`."""

    __slots__ = ()

    name = DialectName.GEMINI_BATCH_EMBED

    def read(self, document: Json) -> Ask:
        """See `Dialect.read`."""
        _BATCH.check(document)
        seen = Seen()
        requests = items(document, "requests")
        if not requests:
            raise wrong("requests", "a list with at least one request")
        for index, one in enumerate(requests):
            self.content(one, f"requests[{index}].", seen)
        return self.ask(seen)

    def for_model(self, document: Json, model: str) -> Json:
        """See `NamesAgain`."""
        return {**document, "requests": [_named(one, model) for one in items(document, "requests")]}


def _named(document: Json, model: str) -> Json:
    """`document` with the model's name, where it says one."""
    return {**document, "model": f"models/{model}"} if document.get("model") is not None else document


def _others(event: Event, known: frozenset[str]) -> list[Piece]:
    document = document_of(event)
    pieces: list[Piece] = []
    for field, value in (document or {}).items():
        if field not in known:
            govern(pieces, field, document, field, value)
    return pieces


def _is_vector(value: Any) -> bool:
    """Whether it is `{"values": [numbers]}`, perhaps with counts beside them."""
    if type(value) is not dict or type(value.get("values")) is not list:
        return False
    beside = value.get("statistics")
    plain = beside is None or (type(beside) is dict and not any(type(each) in (str, dict, list) for each in beside.values()))
    return plain and value.keys() <= {"values", "statistics", "shape"} and set(map(type, value["values"])) <= _NUMBERS
