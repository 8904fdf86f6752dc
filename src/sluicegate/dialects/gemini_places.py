"""Where text stands in a Gemini request, and which places are structural.

Source: the types of google-genai, and ai.google.dev/api/generate-content. Every field may stand under either of its names.
"""

import re
from collections.abc import Mapping
from typing import Any

from sluicegate.core.dialect import BOUNDS, Bounds, Json, Place, Reading, Span
from sluicegate.dialects import files
from sluicegate.dialects.gemini_names import OWN
from sluicegate.dialects.walk import (
    Rule,
    address,
    each,
    free,
    identifier,
    knob,
    opaque,
    reference,
    sealed,
    structural,
    text,
    within,
    words,
)
from sluicegate.dialects.walk import fields as one_name

_MEDIA_TYPE = re.compile(r"(?![^;]*[0-9]{5})[a-z]{1,12}/[a-z0-9.+*-]{1,80}")


def fields(known: Mapping[str, Rule], at: Place | None = None) -> Rule:
    """An object whose members are known under both of their names."""
    return one_name({name: rule for camel, rule in known.items() for name in (camel, OWN[camel])}, at)


def media_type(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
    """What data is said to be; what does not read as a media type is governed."""
    if type(value) is not str or not _MEDIA_TYPE.fullmatch(value):
        text(value, holder, key, place, out)


def _data(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
    """Base64 data: read, or noted as unread by its kind. What is none is governed."""
    if type(value) is str:
        media = holder.get("mimeType") or holder.get("mime_type")
        if files.base64(value, media if type(media) is str else "", files.Link(holder, key, place), out, "file"):
            return
    elif value is not None:
        out.unread.append("file")
    text(value, holder, key, place, out)


_BLOB = fields({"mimeType": media_type, "data": _data, "displayName": text})
_FILE = fields({"mimeType": media_type, "fileUri": address("file"), "displayName": text})
_RESOLUTIONS = tuple(f"media_resolution_{level}" for level in ("unspecified", "low", "medium", "high", "ultra_high"))
_RESOLUTION = fields({"level": words(*_RESOLUTIONS), "numTokens": knob})
_CALL = fields(
    {"id": identifier, "name": text, "args": free, "partialArgs": free, "willContinue": knob},
    at=Place.TOOL_ARGUMENTS,
)
_RESPONSE = fields(
    {
        "id": identifier,
        "name": text,
        "response": free,
        "parts": each(fields({"inlineData": _BLOB, "fileData": _FILE, "mediaResolution": _RESOLUTION})),
        "willContinue": knob,
        "scheduling": words("scheduling_unspecified", "silent", "when_idle", "interrupt"),
    },
    at=Place.TOOL_RESULT,
)
_OUTCOMES = tuple(f"outcome_{word}" for word in ("unspecified", "ok", "failed", "deadline_exceeded"))
_PART = fields(
    {
        "text": text,
        "thought": knob,
        "thoughtSignature": sealed(opaque),
        "inlineData": _BLOB,
        "fileData": _FILE,
        "functionCall": _CALL,
        "functionResponse": _RESPONSE,
        "executableCode": fields(
            {"id": identifier, "language": words("language_unspecified", "python"), "code": text},
            at=Place.TOOL_ARGUMENTS,
        ),
        "codeExecutionResult": fields(
            {"id": identifier, "outcome": words(*_OUTCOMES), "output": text}, at=Place.TOOL_RESULT
        ),
        "toolCall": within(Place.TOOL_ARGUMENTS, free),
        "toolResponse": within(Place.TOOL_RESULT, free),
        "videoMetadata": fields({"fps": knob, "startOffset": text, "endOffset": text}),
        "mediaResolution": _RESOLUTION,
        "partMetadata": free,
    }
)
_thought = sealed(_PART)


def _part(value: Any, holder: Any, key: Any, place: Place, out: Reading) -> None:
    """A thought is sealed, whatever part it is."""
    if type(value) is dict:
        if len(value) == 1 and type(said := value.get("text")) is str:
            out.spans.append(Span(value, "text", said, place))
            return
        if value.get("thought") is True:
            _thought(value, holder, key, place, out)
            return
    _PART(value, holder, key, place, out)


_content = fields({"role": words("user", "model", "function"), "parts": each(_part)})
_PLACES = {"user": Place.USER, "model": Place.ASSISTANT, "function": Place.TOOL_RESULT, None: Place.USER}


def _turn(value: Any, holder: Any, key: Any, _: Place, out: Reading) -> None:
    """A content at the place its role says."""
    role = value.get("role") if type(value) is dict else ""
    at = _PLACES.get(role, Place.OTHER) if role is None or type(role) is str else Place.OTHER
    _content(value, holder, key, at, out)


contents = each(_turn)
"""Turns, or the only one."""

_DECLARATION = fields(
    {
        "name": text,
        "description": text,
        "parameters": free,
        "parametersJsonSchema": free,
        "response": free,
        "responseJsonSchema": free,
        "behavior": words("unspecified", "blocking", "non_blocking"),
    }
)
_TOOL = fields(
    {
        "functionDeclarations": each(_DECLARATION),
        "googleSearch": free,
        "googleSearchRetrieval": free,
        "googleMaps": free,
        "codeExecution": free,
        "urlContext": free,
        "computerUse": free,
        "fileSearch": free,
    },
    at=Place.TOOL_DEFINITION,
)
_CALLING = fields(
    {
        "mode": words("mode_unspecified", "auto", "any", "none", "validated"),
        "allowedFunctionNames": each(text),
        "streamFunctionCallArguments": knob,
    }
)
_TOOL_CONFIG = fields(
    {"functionCallingConfig": _CALLING, "retrievalConfig": free, "includeServerSideToolInvocations": knob},
    at=Place.TOOL_DEFINITION,
)
_LEVELS = ("thinking_level_unspecified", "minimal", "low", "medium", "high", "xhigh")
_SETTINGS = dict.fromkeys(
    (
        "temperature",
        "topP",
        "topK",
        "candidateCount",
        "maxOutputTokens",
        "presencePenalty",
        "frequencyPenalty",
        "seed",
        "responseLogprobs",
        "logprobs",
        "audioTimestamp",
        "enableAffectiveDialog",
        "enableEnhancedCivicAnswers",
    ),
    knob,
)
_CONFIG = fields(
    {
        **_SETTINGS,
        "stopSequences": each(text),
        "responseMimeType": media_type,
        "responseSchema": free,
        "responseJsonSchema": free,
        "responseModalities": each(words("modality_unspecified", "text", "image", "audio", "video")),
        "mediaResolution": words(*_RESOLUTIONS),
        "thinkingConfig": fields({"includeThoughts": knob, "thinkingBudget": knob, "thinkingLevel": words(*_LEVELS)}),
        "speechConfig": free,
        "imageConfig": free,
    }
)
_HARMS = (
    "harassment",
    "hate_speech",
    "sexually_explicit",
    "dangerous_content",
    "civic_integrity",
    "jailbreak",
    "unspecified",
)
_THRESHOLDS = ("harm_block_threshold_unspecified", "block_low_and_above", "block_medium_and_above", "block_only_high")
_SAFETY = fields(
    {
        "category": words(*(f"harm_category_{harm}" for harm in _HARMS)),
        "threshold": words(*_THRESHOLDS, "block_none", "off"),
        "method": words("harm_block_method_unspecified", "severity", "probability"),
    }
)
REQUEST: Mapping[str, Rule] = {
    "model": structural,
    "contents": contents,
    "systemInstruction": within(Place.SYSTEM, _content),
    "tools": each(_TOOL),
    "toolConfig": _TOOL_CONFIG,
    "generationConfig": _CONFIG,
    "safetySettings": each(_SAFETY),
    "cachedContent": reference,
    "continuationToken": opaque,
    "serviceTier": words("unspecified", "standard", "flex", "priority"),
    "store": knob,
    "labels": free,
}
"""What a request to generate may hold."""

request = fields(REQUEST)


def read_spans(document: Json, bounds: Bounds = BOUNDS, rule: Rule = request) -> Reading:
    """Every governed string of a request, in one pass."""
    out = Reading([], [], bounds.depth, bounds.values)
    rule(document, None, None, Place.OTHER, out)
    return out
