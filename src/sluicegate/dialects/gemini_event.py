"""What one event of a Gemini answer says, found in one walk and kept with the event.

Source: `GenerateContentResponse` of ai.google.dev/api/generate-content. An event holds whole parts: a text goes on in the
next event's text, a function call is never cut.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from sluicegate.core.dialect import Json, Piece
from sluicegate.core.encoded import is_base64
from sluicegate.core.event import Event
from sluicegate.dialects.answers import JsonSlot, Told, document_of, govern, is_name, plain_kind

_STRUCTURAL = frozenset({"candidates", "usageMetadata", "modelVersion", "responseId", "createTime"})
_FINISH = frozenset(
    {
        "FINISH_REASON_UNSPECIFIED",
        "STOP",
        "MAX_TOKENS",
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MALFORMED_FUNCTION_CALL",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_OTHER",
        "NO_IMAGE",
        "IMAGE_RECITATION",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
        "MODEL_ARMOR",
        "CONTINUATION",
        "ESCALATION",
    }
)
"""Also the reasons why a prompt is blocked, as far as they are in use."""
_LONGEST_FINISH = 64
_WORD = re.compile("[A-Z_]{1,64}")
_MEDIA_TYPE = re.compile(r"(?![^;]*[0-9]{5})[a-z]{1,12}/[a-z0-9.+*-]{1,80}(?:;[a-z]{1,12}=[a-z0-9]{1,12}){0,3}")
_PATH = re.compile(r"\$(?:\.[A-Za-z_]\w{0,63}|\[[0-9]{1,4}\]){0,16}")
_RATED = frozenset({"category", "probability", "severity", "probabilityScore", "severityScore", "blocked"})
_WORDS_OF = {"executableCode": "language", "codeExecutionResult": "outcome"}
_encode = msgspec.json.Encoder().encode


class GeminiTold(Told):
    """What `told` found."""


def told(event: Event) -> GeminiTold:
    """Everything about `event`, walked only the first time. Raises UpstreamError (UPSTREAM_INVALID)."""
    known = event.told
    if type(known) is GeminiTold:
        return known
    document = event.document
    if type(document) is not dict:
        document = document_of(event)
    if document is None:
        found = GeminiTold([], None, None, (), (), not event.framed)
    else:
        found = _walk(document, whole=not event.framed)
    event.told = found
    return found


def candidates_of(document: Json | None) -> list[Json]:
    """The candidates that are objects."""
    found = document.get("candidates") if document is not None else None
    return [each for each in found if type(each) is dict] if type(found) is list else []


def parts_of(candidate: Json) -> list[Json]:
    """The parts of a candidate that are objects."""
    content = candidate.get("content")
    parts = content.get("parts") if type(content) is dict else None
    return [part for part in parts if type(part) is dict] if type(parts) is list else []


def _walk(document: Json, *, whole: bool) -> GeminiTold:
    """A body is the end of an answer, and so is an error in place of the rest."""
    pieces: list[Piece] = []
    finish: str | None = None
    rare = False
    if not _STRUCTURAL.issuperset(document):
        for field, value in document.items():
            if field == "promptFeedback" and type(value) is dict:
                finish = _feedback(pieces, value)
            elif field not in _STRUCTURAL:
                govern(pieces, field, document, field, value)
    candidates = document.get("candidates")
    if type(candidates) is list:
        for position, candidate in enumerate(candidates):
            if type(candidate) is not dict:
                govern(pieces, f"candidates.{position}", candidates, position, candidate)
                continue
            index = candidate.get("index", position)
            for field, value in candidate.items():
                if field == "content":
                    rare |= _content(pieces, index, candidate, value)
                elif field == "finishReason":
                    reason = _reason(pieces, f"{index}.finishReason", candidate, field, value)
                    finish = finish or reason
                else:
                    _about(pieces, index, candidate, field, value)
    elif candidates is not None:
        govern(pieces, "candidates", document, "candidates", candidates)
    report = document.get("usageMetadata")
    over = whole or bool(document.get("error"))
    if rare:
        return GeminiTold(pieces, report, finish, _calls(document), _unread(document), over)
    return GeminiTold(pieces, report, finish, (), (), over)


def _feedback(pieces: list[Piece], feedback: Json) -> str | None:
    """What is said of a prompt; the reason why it was blocked, if it was."""
    reason = None
    for field, value in feedback.items():
        if field == "blockReason":
            reason = _reason(pieces, "promptFeedback.blockReason", feedback, field, value)
        elif field != "safetyRatings" or not _is_rating(value):
            govern(pieces, f"promptFeedback.{field}", feedback, field, value)
    return reason


def _reason(pieces: list[Piece], channel: str, holder: Json, field: str, reason: Any) -> str | None:
    if type(reason) is not str:
        govern(pieces, channel, holder, field, reason)
        return None
    if reason not in _FINISH:
        govern(pieces, channel, holder, field, reason)
    return reason[:_LONGEST_FINISH] or None


def _about(pieces: list[Piece], index: Any, candidate: Json, field: str, value: Any) -> None:
    """A member of a candidate beside what it says."""
    if field == "safetyRatings" and _is_rating(value):
        return
    if field not in ("index", "logprobsResult", "avgLogprobs"):
        govern(pieces, f"{index}.{field}", candidate, field, value)


def _is_rating(ratings: Any) -> bool:
    """Whether ratings are nothing but words of the API and numbers."""
    return type(ratings) is list and all(
        type(each) is dict
        and each.keys() <= _RATED
        and all(type(value) is not str or _WORD.fullmatch(value) for value in each.values())
        and not any(type(value) in (dict, list) for value in each.values())
        for each in ratings
    )


def _content(pieces: list[Piece], index: Any, candidate: Json, content: Any) -> bool:
    """The parts of a candidate; whether there is more than texts."""
    if type(content) is not dict:
        govern(pieces, f"{index}.content", candidate, "content", content)
        return False
    rare = False
    for field, value in content.items():
        if field == "parts" and type(value) is list:
            for position, part in enumerate(value):
                if type(part) is not dict:
                    govern(pieces, f"{index}.{position}", value, position, part)
                elif len(part) == 1 and type(said := part.get("text")) is str:
                    pieces.append(Piece(f"{index}.text", part, "text", said))
                else:
                    rare = True
                    _part(pieces, index, position, part)
        elif field != "role" or value not in ("model", "user"):
            govern(pieces, f"{index}.{field}", content, field, value)
    return rare


def _part(pieces: list[Piece], index: Any, position: int, part: Json) -> None:
    """A part that is more than a text. A thought is sealed, and so is every signature."""
    first = len(pieces)
    thought = part.get("thought") is True
    for field, value in part.items():
        if field == "text" and type(value) is str:
            pieces.append(Piece(f"{index}.thought" if thought else f"{index}.text", part, field, value))
        elif field == "thoughtSignature" and type(value) is str:
            if not is_base64(value):
                pieces.append(Piece(f"{index}.{field}", part, field, value, sealed=True))
        elif field == "functionCall" and type(value) is dict:
            _call(pieces, index, position, value)
        elif field in _WORDS_OF and type(value) is dict:
            for name, inner in value.items():
                word = name == "id" or (name == _WORDS_OF[field] and type(inner) is str and _WORD.fullmatch(inner))
                if not word:
                    govern(pieces, f"{index}.{field}.{name}", value, name, inner)
        elif field == "inlineData" and type(value) is dict:
            _blob(pieces, index, value)
        elif field != "thought":
            govern(pieces, f"{index}.{field}", part, field, value)
    if thought:
        for piece in pieces[first:]:
            piece.sealed = True


def _call(pieces: list[Piece], index: Any, position: int, call: Json) -> None:
    """A function's name is one the client declared, or it calls nothing; what does not look like a name is governed."""
    name, id = call.get("name"), call.get("id")
    channel = f"{index}.call.{id if type(id) is str and id else f'{name}.{position}'}"
    for field, value in call.items():
        if field == "partialArgs" and type(value) is list:
            for number, partial in enumerate(value):
                _partial(pieces, f"{channel}.{number}", value, number, partial)
        elif field != "id" and (field != "name" or not is_name(value)):
            govern(pieces, f"{channel}.{field}", call, field, value)


def _partial(pieces: list[Piece], channel: str, partials: list[Any], number: int, partial: Any) -> None:
    """A piece of an argument (Vertex): the strings for one path are one text."""
    if type(partial) is not dict:
        govern(pieces, channel, partials, number, partial)
        return
    path = partial.get("jsonPath")
    plain = type(path) is str and _PATH.fullmatch(path) is not None
    if plain:
        channel = f"{channel.rpartition('.')[0]}.{path}"
    for field, value in partial.items():
        if field == "numberValue" and type(value) in (int, float):
            pieces.append(Piece(f"{channel}.number", JsonSlot(partial, field), field, _encode(value).decode(), True))
        elif field != "jsonPath" or not plain:
            govern(pieces, f"{channel}.{field}", partial, field, value)


def _blob(pieces: list[Piece], index: Any, blob: Json) -> None:
    for field, value in blob.items():
        known = type(value) is str and (
            (field == "data" and is_base64(value)) or (field == "mimeType" and _MEDIA_TYPE.fullmatch(value) is not None)
        )
        if not known:
            govern(pieces, f"{index}.inlineData.{field}", blob, field, value)


def _calls(document: Json) -> Sequence[str]:
    """The names of functions called, and of the provider's own tools that ran."""
    names: list[str] = []
    for candidate in candidates_of(document):
        for part in parts_of(candidate):
            call, hosted = part.get("functionCall"), part.get("toolCall")
            if type(call) is dict and type(call.get("name")) is str and call["name"]:
                names.append(call["name"])
            if type(hosted) is dict and type(hosted.get("toolType")) is str:
                names.append(hosted["toolType"].lower())
            if part.get("executableCode"):
                names.append("code_execution")
    return names


def _unread(document: Json) -> Sequence[str]:
    """Data in which no text can be read, by the kind it is said to be."""
    found: list[str] = []
    for candidate in candidates_of(document):
        for part in parts_of(candidate):
            blob = part.get("inlineData")
            if type(blob) is dict and blob.get("data"):
                media = blob.get("mimeType")
                found.append(plain_kind(media.partition("/")[0] if type(media) is str else ""))
    return found
