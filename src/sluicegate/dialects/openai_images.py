"""OpenAI Images (`POST /v1/images/generations`), as openai-python's types describe it.

A stream is partial images, then `image_generation.completed`. An image cannot be read: it is noted as one, or, where an
address comes in its place, as what is kept elsewhere.
"""

from collections.abc import Mapping

from sluicegate.core.dialect import Ask, DialectName, Json
from sluicegate.core.encoded import is_base64
from sluicegate.core.errors import UnsupportedFeature
from sluicegate.core.usage import Unit
from sluicegate.dialects import checks
from sluicegate.dialects.answers import govern
from sluicegate.dialects.plain import STRUCTURAL, Plain, PlainTold, named
from sluicegate.dialects.walk import Rule, knob, structural, text, words

COMPLETED = "image_generation.completed"
_READ = frozenset({"prompt", "n", "stream", "svg"})
_WORDS: Mapping[str, frozenset[str]] = {
    "type": frozenset({"image_generation.partial_image", COMPLETED}),
    "background": frozenset({"transparent", "opaque", "auto"}),
    "output_format": frozenset({"png", "webp", "jpeg", "gif", "svg"}),
    "quality": frozenset({"low", "medium", "high", "xhigh", "max", "auto", "standard", "hd"}),
    "size": frozenset({"auto", "256x256", "512x512", "1024x1024", "1024x1536", "1536x1024", "1792x1024", "1024x1792"}),
}
_PLAIN = STRUCTURAL | {"created_at", "partial_image_index"}


class OpenAIImages(Plain):
    """The dialect."""

    name = DialectName.OPENAI_IMAGES
    rules: Mapping[str, Rule] = {
        "model": structural,
        "prompt": text,
        "user": text,
        "size": words(*_WORDS["size"]),
        "background": words(*_WORDS["background"]),
        "output_format": words(*_WORDS["output_format"]),
        "quality": words(*_WORDS["quality"]),
        "moderation": words("low", "auto"),
        "response_format": words("url", "b64_json"),
        "style": words("vivid", "natural"),
        **dict.fromkeys(("n", "stream", "partial_images", "output_compression"), knob),
    }

    def read(self, document: Json) -> Ask:
        """See `Dialect.read`. A model must be named: which one is meant without differs from parameter to parameter."""
        model = named(document, _READ)
        checks.name(document, "prompt")
        if document.get("svg") is not None:
            raise checks.wrong("svg", "left out: the gateway decides which models may answer")
        many, stream = checks.count(document, "n") or 1, checks.flag(document, "stream")
        if stream and many > 1:
            raise UnsupportedFeature("n", "One image can be streamed; ask for more of them without `stream`.")
        return Ask(model, stream, None, many, media=True, unit=Unit.IMAGE, units=many)

    def say(self, document: Json, told: PlainTold) -> None:
        """See `Plain.say`."""
        told.over = told.over or document.get("type") == COMPLETED
        data = document.get("data")
        if type(data) is list:
            for index, image in enumerate(data):
                if type(image) is dict:
                    _image(image, f"data.{index}", told)
                else:
                    govern(told.pieces, f"data.{index}", data, index, image)
        elif data is not None:
            govern(told.pieces, "data", document, "data", data)
        _image(document, "image", told)


def _image(image: Json, channel: str, told: PlainTold) -> None:
    """One image, or an event with one."""
    for field, value in image.items():
        if field == "b64_json" and type(value) is str and is_base64(value):
            if value:
                told.unread = (*told.unread, "image")
        elif field in _WORDS and type(value) is str and value in _WORDS[field]:
            continue
        elif field not in _PLAIN and field != "data":
            if field == "url" and value:
                told.unread = (*told.unread, "remote")
            govern(told.pieces, f"{channel}.{field}", image, field, value)
