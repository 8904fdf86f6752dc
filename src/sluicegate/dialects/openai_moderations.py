"""OpenAI Moderations (`POST /v1/moderations`), as openai-python's types describe it."""

import re
from collections.abc import Mapping
from typing import Any

from sluicegate.core.dialect import Ask, DialectName, Feature, Json
from sluicegate.dialects import checks
from sluicegate.dialects.answers import govern
from sluicegate.dialects.plain import STRUCTURAL, Plain, PlainTold, no_others
from sluicegate.dialects.walk import Rule, address, each, fields, structural, text, words

USUAL_MODEL = "omni-moderation-latest"
"""What is asked where the request names no model, as the API's reference says."""
_READ = frozenset({"input"})
_CATEGORY = re.compile(r"[a-z]{1,24}(?:[_/-][a-z]{1,24}){0,3}")
_TYPES = frozenset({"text", "image"})
_PART = fields(
    {
        "type": words("text", "image_url"),
        "text": text,
        "image_url": fields({"url": address("image")}),
    }
)


class OpenAIModerations(Plain):
    """The dialect."""

    name = DialectName.OPENAI_MODERATIONS
    rules: Mapping[str, Rule] = {"model": structural, "input": each(_PART)}

    def read(self, document: Json) -> Ask:
        """See `Dialect.read`. There is no answer in tokens."""
        no_others(document, _READ)
        model = checks.name(document, "model") if document.get("model") is not None else USUAL_MODEL
        value = document.get("input")
        blobs = size = 0
        features: set[Feature] = set()
        if type(value) is list and value and type(value[0]) is dict:
            for index, part in enumerate(checks.objects(document, "input")):
                url = _address(part, f"input[{index}]")
                if url[:5].lower() == "data:":
                    blobs, size = blobs + 1, size + len(url)
                elif url:
                    features.add(Feature.REMOTE_URLS)
        elif value is None:
            raise checks.wrong("input", "given")
        else:
            checks.texts(document, "input", single=True)
        return Ask(model, stream=False, max_tokens=0, features=frozenset(features), blobs=blobs, blob_bytes=size)

    def say(self, document: Json, told: PlainTold) -> None:
        """See `Plain.say`."""
        for field, value in document.items():
            if field == "results" and type(value) is list:
                for index, result in enumerate(value):
                    _result(value, index, result, told)
            elif field not in STRUCTURAL:
                govern(told.pieces, field, document, field, value)


def _address(part: Json, path: str) -> str:
    """The address of an image; empty for a text."""
    checks.spelled(part, frozenset({"type", "text", "image_url"}), f"{path}.")
    image = part.get("image_url")
    if image is None:
        if type(part.get("text")) is not str:
            raise checks.wrong(f"{path}.text", "a string")
        return ""
    if type(image) is not dict or type(image.get("url")) is not str:
        raise checks.wrong(f"{path}.image_url", "an object with a `url`")
    checks.spelled(image, frozenset({"url"}), f"{path}.image_url.")
    url: str = image["url"]
    return url


def _result(results: list[Any], index: int, result: Any, told: PlainTold) -> None:
    if type(result) is not dict:
        govern(told.pieces, f"results.{index}", results, index, result)
        return
    for field, value in result.items():
        if type(value) is not bool and not (type(value) is dict and all(map(_is_judged, value.items()))):
            govern(told.pieces, f"results.{index}.{field}", result, field, value)


def _is_judged(member: tuple[str, Any]) -> bool:
    """Whether a member is a category with what is said of it: yes or no, a score, or the types it was seen in."""
    name, value = member
    if _CATEGORY.fullmatch(name) is None:
        return False
    return type(value) is bool or type(value) is float or value in (0, 1) or _are_types(value)


def _are_types(value: Any) -> bool:
    return type(value) is list and all(type(element) is str and element in _TYPES for element in value)
