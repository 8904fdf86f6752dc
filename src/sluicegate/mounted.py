"""Every route at which clients speak a dialect, and what the gateway answers there by itself.

What is not inspected is not mounted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

from sluicegate.core.arguments import Arguments
from sluicegate.core.decision import Reason
from sluicegate.core.dialect import Dialect, DialectName
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.event import Event, whole
from sluicegate.core.exchange import Exchange
from sluicegate.dialects.anthropic_count_tokens import COUNT, AnthropicCountTokens
from sluicegate.dialects.anthropic_messages import AnthropicMessages
from sluicegate.dialects.gemini import Gemini
from sluicegate.dialects.gemini_models import GeminiModels
from sluicegate.dialects.gemini_small import GeminiBatchEmbed, GeminiCountTokens, GeminiEmbed
from sluicegate.dialects.models import MODEL, AnthropicModels, Models, OpenAIModels
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dialects.openai_completions import OpenAICompletions
from sluicegate.dialects.openai_embeddings import OpenAIEmbeddings
from sluicegate.dialects.openai_images import OpenAIImages
from sluicegate.dialects.openai_moderations import OpenAIModerations
from sluicegate.dialects.openai_responses import OpenAIResponses
from sluicegate.dialects.openai_speech import OpenAISpeech
from sluicegate.dialects.openai_stored import StoredResponse
from sluicegate.dialects.openai_transcriptions import OpenAITranscriptions
from sluicegate.routing import askable
from sluicegate.stages.s6_call import Own
from sluicegate.web.surface import Surface

OPENAI = "/openai"
ANTHROPIC = "/anthropic"
GEMINI = "/gemini"
"""Each API also stands below its vendor's name, for tools that set a base URL for each vendor."""

PATTERNS_HEADER = "x-sluicegate-model-patterns"
"""Tells which names may be asked for as well, where a list of models cannot name them."""

ESTIMATED_HEADER = "x-sluicegate-estimated"
"""Names what in an answer the gateway has estimated."""

_OPENAI_MODELS = OpenAIModels()
_ANTHROPIC_MODELS = AnthropicModels()
_GEMINI_MODELS = GeminiModels()
_LISTS: tuple[Models, ...] = (_OPENAI_MODELS, _ANTHROPIC_MODELS, _GEMINI_MODELS)


def surfaces() -> tuple[Surface, ...]:
    """Every surface; each is also served below `/k/<key>`."""
    return (
        *Surface("POST", "/v1/chat/completions", OpenAIChat()).below(OPENAI),
        *_responses(),
        *Surface("POST", "/v1/messages", AnthropicMessages()).below(ANTHROPIC),
        *Surface("POST", "/v1/messages/count_tokens", AnthropicCountTokens()).below(ANTHROPIC),
        *_gemini("/v1beta/models/{model:path}"),
        *_gemini("/v1/models/{model:path}"),
        *Surface("POST", "/v1/completions", OpenAICompletions()).below(OPENAI),
        *Surface("POST", "/v1/embeddings", OpenAIEmbeddings()).below(OPENAI),
        *Surface("POST", "/v1/moderations", OpenAIModerations()).below(OPENAI),
        *Surface("POST", "/v1/images/generations", OpenAIImages()).below(OPENAI),
        *Surface("POST", "/v1/audio/speech", OpenAISpeech()).below(OPENAI),
        *Surface("POST", "/v1/audio/transcriptions", OpenAITranscriptions(), form=True).below(OPENAI),
        *_models("/v1/models"),
        *_models("/v1/models/{model:path}"),
        *Surface("GET", "/v1beta/models", _GEMINI_MODELS, body=False).below(GEMINI),
        *Surface("GET", "/v1beta/models/{model:path}", _GEMINI_MODELS, body=False).below(GEMINI),
    )


def _gemini(model: str) -> Iterator[Surface]:
    """What is asked of a model by a verb behind its name: Google's older SDKs say `v1beta`, newer ones `v1`."""
    yield from Surface("POST", f"{model}:generateContent", Gemini(), Gemini.asked).below(GEMINI)
    yield from Surface("POST", f"{model}:streamGenerateContent", Gemini(), Gemini.streamed).below(GEMINI)
    yield from Surface("POST", f"{model}:countTokens", GeminiCountTokens(), GeminiCountTokens.asked).below(GEMINI)
    yield from Surface("POST", f"{model}:embedContent", GeminiEmbed(), GeminiEmbed.asked).below(GEMINI)
    yield from Surface("POST", f"{model}:batchEmbedContents", GeminiBatchEmbed(), GeminiBatchEmbed.asked).below(GEMINI)


def spoken(mounted: Iterable[Surface]) -> Mapping[DialectName, Dialect]:
    """The dialects of `mounted` by their names; of one whose requests have each their own, the one that all share."""
    return {surface.dialect.name: surface.dialect for surface in mounted}


def own_answers(catalog: askable.Models, likely_input: Callable[[Exchange], int]) -> Mapping[DialectName, Own]:
    """What the gateway answers by itself; `likely_input` estimates the tokens of a prompt."""
    lists: dict[DialectName, Own] = {dialect.name: partial(_list_models, catalog, dialect) for dialect in _LISTS}
    return {**lists, DialectName.ANTHROPIC_COUNT_TOKENS: partial(_estimate, likely_input)}


def _responses() -> Iterable[Surface]:
    """Making an answer, and what is asked about a stored one."""
    plain, one = OpenAIResponses(), "/v1/responses/{id}"
    for method, path, make in (
        ("GET", one, StoredResponse.got),
        ("DELETE", one, StoredResponse.deleted),
        ("GET", f"{one}/input_items", StoredResponse.listed),
        ("POST", f"{one}/cancel", StoredResponse.cancelled),
    ):
        yield from Surface(method, path, plain, make, body=False).below(OPENAI)
    yield from Surface("POST", "/v1/responses", plain).below(OPENAI)


def _models(path: str) -> tuple[Surface, ...]:
    """A list of models, or one: all vendors have the path, and Anthropic's clients tell a version."""
    return (
        Surface("GET", path, _OPENAI_MODELS, _form, body=False),
        Surface("GET", OPENAI + path, _OPENAI_MODELS, body=False),
        Surface("GET", ANTHROPIC + path, _ANTHROPIC_MODELS, body=False),
        Surface("GET", GEMINI + path, _GEMINI_MODELS, body=False),
    )


def _form(arguments: Arguments) -> Models:
    return _ANTHROPIC_MODELS if "anthropic-version" in arguments.headers else _OPENAI_MODELS


def _estimate(likely_input: Callable[[Exchange], int], exchange: Exchange) -> Event:
    """A count of tokens where no deployment gives one."""
    exchange.response_headers[ESTIMATED_HEADER] = COUNT
    return whole({COUNT: likely_input(exchange)})


def _list_models(catalog: askable.Models, dialect: Models, exchange: Exchange) -> Event:
    """The models of the caller's use case, or the one that the path names."""
    document, use_case = exchange.document, exchange.grant.use_case
    if "{" in exchange.arrival.surface:
        model = askable.one(catalog, use_case, document[MODEL])
        if model is None:
            raise InvalidRequest(Reason.MODEL_UNKNOWN, "There is no model of this name.", field="model")
        return whole(dialect.one(model))
    found = askable.askable(catalog, use_case)
    if found.patterns:
        exchange.response_headers[PATTERNS_HEADER] = ", ".join(found.patterns)
    return whole(dialect.page(found.models, document))
