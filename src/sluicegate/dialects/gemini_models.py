"""Lists of models (`GET /v1beta/models`, `/v1beta/models/{model}`), as google-genai reads them."""

from collections.abc import Sequence

from sluicegate.core.dialect import DialectName, Json
from sluicegate.core.errors import GatewayError
from sluicegate.dialects import checks
from sluicegate.dialects.gemini import Gemini
from sluicegate.dialects.models import Models, Shown

_GEMINI = Gemini()
_USUAL, _MOST = 50, 1_000
"""How many models a page holds (ai.google.dev/api/models)."""
_DIGITS = 6


class GeminiModels(Models):
    """`{"models": […], "nextPageToken"}`; the token is the place of the next model."""

    name = DialectName.GEMINI_MODELS

    def one(self, model: Shown) -> Json:
        """See `google.genai.types.Model`."""
        return {
            "name": f"models/{model.name}",
            "displayName": model.name,
            "supportedGenerationMethods": ["generateContent", "streamGenerateContent"],
        }

    def page(self, models: Sequence[Shown], document: Json) -> Json:
        """See ai.google.dev/api/models. Raises InvalidRequest."""
        size = min(_count(document, "pageSize") or _USUAL, _MOST)
        start = _count(document, "pageToken")
        page: Json = {"models": [self.one(model) for model in models[start : start + size]]}
        if start + size < len(models):
            page["nextPageToken"] = str(start + size)
        return page

    def failure(self, error: GatewayError, exchange: str, *, streaming: bool) -> bytes:
        """See `Gemini.failure`."""
        return _GEMINI.failure(error, exchange, streaming=streaming)


def _count(document: Json, field: str) -> int:
    """A whole number of the query; 0 unless given."""
    value = document.get(field)
    if value is None or value == "":
        return 0
    if type(value) is not str or not (value.isascii() and value.isdigit()) or len(value) > _DIGITS:
        raise checks.wrong(field, "a whole number")
    return int(value)
