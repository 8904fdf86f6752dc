"""What a Gemini request asks for, and the binding of its system prompt.

Source: the types of google-genai, and `GenerateContentRequest` of ai.google.dev/api/generate-content.
"""

from typing import Any

from sluicegate.core.dialect import Ask, Feature, Json, SystemEdit, SystemMode
from sluicegate.dialects import checks
from sluicegate.dialects.checks import wrong
from sluicegate.dialects.gemini_names import Names, either, items, member, spelling

APPEND = SystemMode.APPEND
_ROLES = frozenset({"user", "model", "function"})
_NUMBERS = ("temperature", "topP", "topK", "presencePenalty", "frequencyPenalty")
_MODELS = ("routingConfig", "modelConfig", "modelSelectionConfig")
"""Settings by which the provider would be told to answer with other models than the one that was asked for and allowed."""
_STORED = ("cachedContent", "continuationToken", "store")
_TEXT_ALONE = ["TEXT"]
_STANDARD = (None, "standard", "unspecified", "STANDARD", "SERVICE_TIER_UNSPECIFIED", "SERVICE_TIER_STANDARD")

_REQUEST = Names(
    "model", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "serviceTier", *_STORED
)
_CONTENT = Names("role", "parts")
_PART = Names("text", "thought", "inlineData", "fileData", "functionCall", "functionResponse", "thoughtSignature")
_BLOB = Names("mimeType", "data")
_FILE = Names("mimeType", "fileUri")
_CALLED = Names("id", "name", "args", "response", "parts")
_TOOL = Names("functionDeclarations", "fileSearch", "urlContext", "retrieval")
_DECLARED = Names("name", "description")
_CONFIG = Names("maxOutputTokens", "candidateCount", "stopSequences", "responseModalities", *_NUMBERS, *_MODELS)


def read(document: Json, model: str, *, stream: bool) -> Ask:
    """What the request for `model`, which its path names, asks for. Raises InvalidRequest naming the field."""
    seen = Seen()
    _REQUEST.check(document)
    if document.get("model") not in (None, model, f"models/{model}"):
        raise wrong("model", "left out, or the model that the path names")
    seen.contents(document)
    system = either(document, "systemInstruction")
    if type(system) is dict:
        seen.content(system, "systemInstruction")
    elif system is not None and type(system) is not str:
        raise wrong("systemInstruction", "an object with parts")
    for index, tool in enumerate(items(document, "tools")):
        seen.tool(tool, f"tools[{index}]")
    if any(either(document, field) not in (None, False, "") for field in _STORED):
        seen.features.add(Feature.STORED_STATE)
    config = member(document, "generationConfig")
    max_tokens, choices = seen.config(config) if config else (None, 1)
    return Ask(
        model=model,
        stream=stream,
        max_tokens=max_tokens,
        choices=choices,
        features=frozenset(seen.features),
        tools=tuple(dict.fromkeys(seen.tools)),
        blobs=seen.blobs,
        blob_bytes=seen.blob_bytes,
        media=seen.media,
        premium=either(document, "serviceTier") not in _STANDARD,
    )


class Seen:
    """What one request was found to use."""

    __slots__ = ("blob_bytes", "blobs", "features", "media", "tools")

    def __init__(self) -> None:
        self.features: set[Feature] = set()
        self.tools: list[str] = []
        self.blobs = 0
        self.blob_bytes = 0
        self.media = False

    def contents(self, document: Json) -> None:
        """The turns, of which there must be one."""
        contents = items(document, "contents")
        if not contents:
            raise wrong("contents", "a list with at least one content")
        for index, content in enumerate(contents):
            path = f"contents[{index}]"
            role = content.get("role")
            if role is not None and (type(role) is not str or role not in _ROLES):
                raise wrong(f"{path}.role", "`user` or `model`")
            self.content(content, path)

    def content(self, content: Json, path: str) -> None:
        """One turn."""
        _CONTENT.check(content, f"{path}.")
        for index, part in enumerate(items(content, "parts", f"{path}.")):
            if len(part) == 1 and type(part.get("text")) is str:
                continue
            self.part(part, f"{path}.parts[{index}]")

    def part(self, part: Json, path: str) -> None:
        """One part, of whatever kind."""
        _PART.check(part, f"{path}.")
        text = part.get("text")
        if text is not None and type(text) is not str:
            raise wrong(f"{path}.text", "a string")
        self.media_of(part, path)
        for field in ("functionCall", "functionResponse"):
            called = either(part, field)
            if called is None:
                continue
            if type(called) is not dict or type(called.get("name")) is not str:
                raise wrong(f"{path}.{field}", "an object with a name")
            _CALLED.check(called, f"{path}.{field}.")
            for index, inner in enumerate(items(called, "parts", f"{path}.{field}.")):
                _PART.check(inner, f"{path}.{field}.parts[{index}].")
                self.media_of(inner, f"{path}.{field}.parts[{index}]")

    def media_of(self, part: Json, path: str) -> None:
        """Data of a part, and files it names."""
        data, file = either(part, "inlineData"), either(part, "fileData")
        if data is not None:
            if type(data) is not dict or type(data.get("data")) is not str:
                raise wrong(f"{path}.inlineData", "an object with data")
            _BLOB.check(data, f"{path}.inlineData.")
            self.blobs += 1
            self.blob_bytes += len(data["data"])
        if file is not None:
            address = either(file, "fileUri") if type(file) is dict else None
            if type(address) is not str:
                raise wrong(f"{path}.fileData", "an object with a fileUri")
            _FILE.check(file, f"{path}.fileData.")
            self.features.add(_fetched(address))

    def tool(self, tool: Json, path: str) -> None:
        """A tool: functions that the client runs, or anything that the provider does."""
        _TOOL.check(tool, f"{path}.")
        for index, function in enumerate(items(tool, "functionDeclarations", f"{path}.")):
            if type(function.get("name")) is not str or not function["name"]:
                raise wrong(f"{path}.functionDeclarations[{index}].name", "a string that is not empty")
            _DECLARED.check(function, f"{path}.functionDeclarations[{index}].")
            self.features.add(Feature.TOOLS)
            self.tools.append(function["name"])
        if any(value is not None for field, value in tool.items() if field not in _FUNCTIONS):
            self.features.add(Feature.HOSTED_TOOLS)
        if either(tool, "urlContext") is not None:
            self.features.add(Feature.REMOTE_URLS)
        if either(tool, "fileSearch") is not None or tool.get("retrieval") is not None:
            self.features.add(Feature.REMOTE_FILES)

    def config(self, config: Json) -> tuple[int | None, int]:
        """The settings of the answer: its bound in tokens, and how many are asked for."""
        path = "generationConfig."
        _CONFIG.check(config, path)
        for field in _MODELS:
            if either(config, field) is not None:
                raise wrong(path + field, "left out: the gateway decides which models may answer")
        given = {field: either(config, field) for field in ("maxOutputTokens", "candidateCount", *_NUMBERS)}
        for field in _NUMBERS:
            checks.number(given, field)
        checks.texts({"stopSequences": either(config, "stopSequences")}, "stopSequences", single=False)
        modalities = either(config, "responseModalities")
        self.media = modalities not in (None, [], _TEXT_ALONE)
        return checks.count(given, "maxOutputTokens"), checks.count(given, "candidateCount") or 1


_FUNCTIONS = ("functionDeclarations", "function_declarations")


def _fetched(address: str) -> Feature:
    """Whether an address is of a file kept at the provider, or of one that it would fetch from elsewhere."""
    if address[:4].lower() != "http" or "googleapis.com/" in address[:80].lower():
        return Feature.REMOTE_FILES
    return Feature.REMOTE_URLS


def bind_system(document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:
    """Put `prompt` first in `systemInstruction`; drop the client's own, or leave it behind.

    Binding what is already bound changes nothing.
    """
    if prompt is None and mode is APPEND:
        return SystemEdit()
    field = spelling(document, "systemInstruction")
    system = document.get(field)
    parts = _parts(system)
    bound = prompt is not None and bool(parts) and parts[0] == {"text": prompt}
    own = parts[1:] if bound else parts
    if mode is APPEND:
        if not bound:
            kept = system if type(system) is dict else {}
            document[field] = {**kept, "parts": [{"text": prompt}, *own]}
        return SystemEdit(injected=not bound, appended=len(own))
    alone = None if prompt is None else {"parts": [{"text": prompt}]}
    if system == alone:
        return SystemEdit()
    if alone is None:
        del document[field]
    else:
        document[field] = alone
    # what else the client wrote there goes as well, though no part of it
    dropped = len(own) or int(system is not None and (bound or alone is None))
    return SystemEdit(injected=prompt is not None and not bound, dropped=dropped)


def _parts(system: Any) -> list[Json]:
    if type(system) is str:
        return [{"text": system}] if system else []
    return items(system, "parts") if system else []
