"""What a Chat Completions request asks for, and the binding of its system prompt."""

from typing import Any

from sluicegate.core.dialect import Ask, Feature, Json, SystemEdit, SystemMode
from sluicegate.dialects import checks

APPEND = SystemMode.APPEND
DROP = SystemMode.DROP
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_SYSTEM_ROLES = frozenset({"system", "developer"})
_OTHER_ROLES = _ROLES - _SYSTEM_ROLES
_OWN_TOOLS = frozenset({"function", "custom"})
_NUMBERS = frozenset({"temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed", "top_logprobs"})
_HOSTED = (
    "web_search_options",
    "web_search",
    "search_parameters",
    "search_settings",
    "enable_search",
    "plugins",
    "mcp_servers",
    "data_sources",
)
"""Fields by which OpenAI and others with its dialect (xAI, Qwen, Groq, OpenRouter, Azure) switch on tools of their own."""
_STORED = ("previous_response_id", "conversation", "container", "thread", "thread_id", "prompt", "deferred")
_MODELS = ("models", "fallbacks", "route", "preset", "provider", "extra_body")
"""Fields by which a provider would be told to answer with other models than the one that was asked for and allowed."""
_OTHER_PROMPTS = ("system", "developer", "instructions")
_TEMPLATES = ("chat_template", "chat_template_kwargs")
"""Fields (vLLM) that could render the conversation without the bound prompt."""
_NO_FEATURES: frozenset[Feature] = frozenset()
_UNTOUCHED = SystemEdit()
_PROMPTS = frozenset({*_OTHER_PROMPTS, *_TEMPLATES})
_RARE = frozenset({*_HOSTED, *_STORED, *_MODELS, "file_ids", "tools", "functions", "store", "stop", "stream_options"})
_BOUNDS = ("max_tokens", "max_completion_tokens", "n", "stream", "modalities", "audio", "service_tier", "speed")
_READ = frozenset({"model", "messages", *_NUMBERS, *_RARE, *_PROMPTS, *_BOUNDS})
_NOTHING = type(None)
_USUAL: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "messages": (list,),
    "stream": (bool, _NOTHING),
    "max_tokens": (int, _NOTHING),
    "max_completion_tokens": (int, _NOTHING),
    **dict.fromkeys(_NUMBERS, (int, float, _NOTHING)),
}
"""The fields of most requests, and the types that leave nothing to say about them."""
_READ_OF_MESSAGE = frozenset({"role", "content", "name", "tool_calls", "tool_call_id", "function_call", "audio"})
_READ_OF_PART = frozenset(
    {"type", "text", "image_url", "video_url", "audio_url", "document_url", "input_audio", "file", "file_id"}
)
_READ_OF_TOOL = frozenset({"type", "function", "custom", "name"})
_READ_OF_CALL = frozenset({"id", "index", "type", "function", "custom"})
_READ_OF_CALLED = frozenset({"name", "arguments", "input"})
_READ_OF_URL = frozenset({"url", "detail"})
_READ_OF_AUDIO = frozenset({"data", "format"})
_READ_OF_FILE = frozenset({"file_data", "file_id", "filename"})
_READ_OF_OPTIONS = frozenset({"include_usage", "include_obfuscation"})


def read(document: Json) -> Ask:
    """What the request asks for. Raises InvalidRequest naming the field that is missing or of the wrong type."""
    for field, value in document.items():
        allowed = _USUAL.get(field)
        if allowed is None or type(value) not in allowed:
            return _read(document)
    model, messages = document.get("model"), document.get("messages")
    if not model or not messages:
        return _read(document)
    for message in messages:
        if type(message) is not dict or not _is_plain(message):
            return _read(document)
    return Ask(model, document.get("stream") is True, _max_tokens(document))


def _is_plain(message: Json) -> bool:
    """Whether a message is a text in a known role, and nothing else."""
    role = message.get("role")
    return len(message) == 2 and type(role) is str and role in _ROLES and type(message.get("content")) is str


def _read(document: Json) -> Ask:
    """Every field looked at for itself."""
    seen = _Seen()
    checks.spelled(document, _READ)
    model = checks.name(document, "model")
    messages = checks.objects(document, "messages")
    if not messages:
        raise checks.wrong("messages", "a list with at least one message")
    for index, message in enumerate(messages):
        if not _is_plain(message):
            seen.message(message, index)
    for field in _NUMBERS & document.keys():
        checks.number(document, field)
    if not _RARE.isdisjoint(document):
        seen.extras(document)
    return Ask(
        model,
        checks.flag(document, "stream"),
        _max_tokens(document),
        checks.count(document, "n") or 1,
        frozenset(seen.features) if seen.features else _NO_FEATURES,
        tuple(dict.fromkeys(seen.tools)) if seen.tools else (),
        seen.blobs,
        seen.blob_bytes,
    )


def _max_tokens(document: Json) -> int | None:
    """The newer name and the older one mean the same; two that disagree would be two bounds."""
    if "max_tokens" not in document and "max_completion_tokens" not in document:
        return None
    newer, older = checks.count(document, "max_completion_tokens"), checks.count(document, "max_tokens")
    if newer is not None and older is not None and newer != older:
        raise checks.wrong("max_tokens", "left out where `max_completion_tokens` says otherwise")
    return older if newer is None else newer


class _Seen:
    """What one request was found to use."""

    __slots__ = ("blob_bytes", "blobs", "features", "tools")

    def __init__(self) -> None:
        self.features: set[Feature] = set()
        self.tools: list[str] = []
        self.blobs = 0
        self.blob_bytes = 0

    def message(self, message: Json, index: int) -> None:
        checks.spelled(message, _READ_OF_MESSAGE, f"messages[{index}].")
        role = message.get("role")
        if type(role) is not str:
            raise checks.wrong(f"messages[{index}].role", "a string")
        if role not in _ROLES and role.strip().casefold() not in _ROLES:
            raise checks.wrong(f"messages[{index}].role", "one of the roles of this API")
        content = message.get("content")
        if content is not None and type(content) is not str and checks.is_parts(content, f"messages[{index}].content"):
            for place, part in enumerate(content):
                self.part(part, f"messages[{index}].content[{place}]")
        if message.get("tool_calls") is not None:
            self.calls(message, f"messages[{index}].")
        if message.get("audio") is not None:
            self.features.add(Feature.STORED_STATE)

    def calls(self, message: Json, path: str) -> None:
        for index, call in enumerate(checks.objects(message, "tool_calls", path)):
            checks.spelled(call, _READ_OF_CALL, f"{path}tool_calls[{index}].")
            function = call.get("function")
            if function is None:
                continue
            if type(function) is not dict or type(function.get("name")) is not str:
                raise checks.wrong(f"{path}tool_calls[{index}].function", "an object with a name")
            checks.spelled(function, _READ_OF_CALLED, f"{path}tool_calls[{index}].function.")

    def part(self, part: Json, path: str) -> None:
        checks.spelled(part, _READ_OF_PART, f"{path}.")
        kind = part["type"]
        if kind == "text" and type(part.get("text")) is not str:
            raise checks.wrong(f"{path}.text", "a string")
        for field, media in part.items():
            if field.endswith("_url") and media is not None:
                if type(media) is dict:
                    checks.spelled(media, _READ_OF_URL, f"{path}.{field}.")
                self.address(media.get("url") if type(media) is dict else media, f"{path}.{field}")
        if part.get("file_id") is not None:
            self.features.add(Feature.REMOTE_FILES)
        audio = part.get("input_audio")
        if audio is not None:
            if type(audio) is dict:
                checks.spelled(audio, _READ_OF_AUDIO, f"{path}.input_audio.")
            self.address(audio.get("data") if type(audio) is dict else None, f"{path}.input_audio", data=True)
        file = part.get("file")
        if file is not None:
            if type(file) is not dict:
                raise checks.wrong(f"{path}.file", "an object")
            checks.spelled(file, _READ_OF_FILE, f"{path}.file.")
            if file.get("file_id") is not None:
                self.features.add(Feature.REMOTE_FILES)
            if file.get("file_data") is not None:
                self.address(file["file_data"], f"{path}.file.file_data", data=True)

    def address(self, url: Any, path: str, *, data: bool = False) -> None:
        """Data inside the document is a blob, and so is everything that is no address where `data` is expected."""
        if type(url) is not str:
            raise checks.wrong(path, "an address or data")
        if url[:5].lower() == "data:" or (data and "://" not in url[:32]):
            self.blobs += 1
            self.blob_bytes += len(url)
        else:
            self.features.add(Feature.REMOTE_URLS)

    def extras(self, document: Json) -> None:
        """Tools, and the fields that ask for more than text: those of `_RARE`."""
        for field in _MODELS:
            if document.get(field) is not None:
                raise checks.wrong(field, "left out: the gateway decides which models may answer")
        checks.texts(document, "stop", single=True)
        for index, tool in enumerate(checks.objects(document, "tools")):
            checks.spelled(tool, _READ_OF_TOOL, f"tools[{index}].")
            kind = tool.get("type")
            if type(kind) is not str or kind not in _OWN_TOOLS:
                self.features.add(Feature.HOSTED_TOOLS)
                continue
            self.named(tool.get(kind), f"tools[{index}].{kind}")
        for index, function in enumerate(checks.objects(document, "functions")):
            self.named(function, f"functions[{index}]")
        if any(document.get(field) is not None and document[field] is not False for field in _HOSTED):
            self.features.add(Feature.HOSTED_TOOLS)
        if checks.flag(document, "store") or any(document.get(field) not in (None, False) for field in _STORED):
            self.features.add(Feature.STORED_STATE)
        if document.get("file_ids"):
            self.features.add(Feature.REMOTE_FILES)
        options = document.get("stream_options")
        if options is not None:
            if type(options) is not dict:
                raise checks.wrong("stream_options", "an object")
            checks.spelled(options, _READ_OF_OPTIONS, "stream_options.")
            checks.flag(options, "include_usage")

    def named(self, tool: Any, path: str) -> None:
        if type(tool) is not dict or type(tool.get("name")) is not str or not tool["name"]:
            raise checks.wrong(path, "an object with a name")
        checks.spelled(tool, _READ_OF_TOOL, f"{path}.")
        self.tools.append(tool["name"])
        self.features.add(Feature.TOOLS)


def bind_system(document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:
    """Put `prompt` first; drop the client's system and developer messages, wherever they stand, or leave them behind it.

    Binding what is already bound changes nothing.
    """
    if prompt is None and mode is APPEND:
        return _UNTOUCHED
    messages: list[Json] = document["messages"]
    bound = prompt is not None and bool(messages) and messages[0] == {"role": "system", "content": prompt}
    own = messages[1:] if bound else messages
    kept = [message for message in own if message["role"] in _OTHER_ROLES or not _is_system(message)]
    found = len(own) - len(kept)
    dropped = appended = 0
    others: list[str] = []
    unsafe: list[str] = []
    if not _PROMPTS.isdisjoint(document):
        others = [field for field in _OTHER_PROMPTS if document.get(field) is not None]
        unsafe = [field for field in _TEMPLATES if document.get(field) is not None]
    if mode is DROP:
        if found:
            messages[1 if bound else 0 :] = kept
        dropped = found
        unsafe += others
    else:
        appended = found + len(others)
    for field in unsafe:
        del document[field]
        dropped += 1
    if prompt is not None and not bound:
        messages.insert(0, {"role": "system", "content": prompt})
    return SystemEdit(injected=prompt is not None and not bound, dropped=dropped, appended=appended)


def _is_system(message: Json) -> bool:
    role: str = message["role"]
    return role in _SYSTEM_ROLES or role.strip().casefold() in _SYSTEM_ROLES
