"""OpenAI's older Completions (`POST /v1/completions`), as openai-python's types describe it.

Its answers are those of Chat Completions, but that a choice holds a `text` in place of a message.
"""

from sluicegate.core.dialect import BOUNDS, Ask, Bounds, DialectName, Json, Place, Reading, SystemEdit, SystemMode
from sluicegate.core.errors import UnsupportedFeature
from sluicegate.dialects import checks
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dialects.openai_embeddings import inputs, tokens_or_text
from sluicegate.dialects.plain import UNTOUCHED, named
from sluicegate.dialects.walk import each, fields, free, knob, structural, text

USUAL_TOKENS = 16
"""The bound of an answer that nobody set, as the API's reference says."""
_NUMBERS = ("temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed")
_OPTIONS = frozenset({"include_usage", "include_obfuscation"})
_READ = frozenset({"prompt", "suffix", "stream", "stream_options", "max_tokens", "n", "best_of", "stop", *_NUMBERS})
_request = fields(
    {
        "model": structural,
        "prompt": tokens_or_text,
        "suffix": text,
        "stop": each(text),
        "user": text,
        "logit_bias": free,
        "stream_options": fields(dict.fromkeys(_OPTIONS, knob)),
        **dict.fromkeys((*_NUMBERS, "stream", "max_tokens", "n", "best_of", "echo", "logprobs", "min_p"), knob),
    }
)


class OpenAICompletions(OpenAIChat):
    """The dialect."""

    name = DialectName.OPENAI_COMPLETIONS

    def read(self, document: Json) -> Ask:
        """See `Dialect.read`. Every prompt has so many answers as the larger of `n` and `best_of` says."""
        model = named(document, _READ)
        prompts = inputs(document, "prompt")
        for field in _NUMBERS:
            checks.number(document, field)
        checks.texts(document, "stop", single=True)
        options = document.get("stream_options")
        if options is not None:
            if type(options) is not dict:
                raise checks.wrong("stream_options", "an object")
            checks.spelled(options, _OPTIONS, "stream_options.")
            checks.flag(options, "include_usage")
        choices = max(checks.count(document, "n") or 1, checks.count(document, "best_of") or 1)
        stream, most = checks.flag(document, "stream"), checks.count(document, "max_tokens", least=0)
        return Ask(model, stream, most, choices * prompts)

    def spans(self, document: Json, bounds: Bounds = BOUNDS) -> Reading:
        """See `Dialect.spans`."""
        out = Reading([], [], bounds.depth, bounds.values)
        _request(document, None, None, Place.OTHER, out)
        return out

    def bind_system(self, document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:  # noqa: ARG002
        """There is no place for a system prompt; a use case that binds one is not served without it."""
        if prompt is not None:
            message = "The use case of this virtual key binds a system prompt, which this API has no place for."
            raise UnsupportedFeature("prompt", message)
        return UNTOUCHED

    def bounded(self, document: Json, tokens: int) -> Json:
        """What the API takes for itself where nothing is said, unless the deployment's own bound is lower."""
        return {**document, "max_tokens": min(tokens, USUAL_TOKENS)}
