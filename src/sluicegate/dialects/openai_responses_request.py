"""What a Responses request asks for, and the binding of its system prompt."""

from typing import Any

from sluicegate.core.dialect import Ask, Feature, Json, SystemEdit, SystemMode
from sluicegate.dialects import checks

APPEND = SystemMode.APPEND
DROP = SystemMode.DROP
_ROLES = frozenset({"system", "developer", "user", "assistant"})
_SYSTEM_ROLES = frozenset({"system", "developer"})
_CLIENT_TOOLS = frozenset({"function", "custom"})
"""Tools with a name of the client's own."""
_KNOWN_TOOLS = frozenset({"local_shell", "apply_patch"})
"""Tools the client runs, whose name is their type."""
_NUMBERS = frozenset({"temperature", "top_p", "top_logprobs"})
_STORED = ("previous_response_id", "prompt")
_UNBOUND = ("conversation", "background_options")
"""Fields that name what is kept at the provider and is bound to nobody here."""
_MODELS = ("models", "fallbacks", "route", "preset", "provider", "extra_body")
"""Fields by which a provider would be told to answer with other models than the one that was asked for and allowed."""
_HOSTED = ("web_search_options", "search_parameters", "plugins", "mcp_servers")
_OTHER_PROMPTS = ("system", "developer")
_TEMPLATES = ("chat_template", "chat_template_kwargs")
"""Fields (vLLM) that could render the conversation without the bound prompt."""
_RARE = frozenset({*_STORED, *_UNBOUND, *_MODELS, *_HOSTED, "tools", "store", "background", "stream_options"})
_READ = frozenset(
    {
        *("model", "input", "instructions", "stream", "max_output_tokens", "service_tier", "speed"),
        *_NUMBERS,
        *_RARE,
        *_OTHER_PROMPTS,
        *_TEMPLATES,
    }
)
_READ_OF_ITEM = frozenset({"type", "role", "content", "id", "call_id", "name", "arguments", "output", "tools", "input"})
_READ_OF_PART = frozenset({"type", "text", "image_url", "file_url", "file_data", "file_id", "input_audio"})
_READ_OF_AUDIO = frozenset({"data", "format"})
_READ_OF_TOOL = frozenset({"type", "name", "tools", "environment", "execution"})
_READ_OF_OPTIONS = frozenset({"include_obfuscation"})
_TOOL_ITEMS = frozenset({"additional_tools", "tool_search_output"})
_UNTOUCHED = SystemEdit()


def read(document: Json) -> Ask:
    """What the request asks for. Raises InvalidRequest naming the field that is missing or of the wrong type."""
    seen = _Seen()
    checks.spelled(document, _READ)
    model = checks.name(document, "model")
    given = document.get("input")
    if type(given) is list:
        for index, item in enumerate(given):
            seen.item(item, index)
    elif given is None:
        if document.get("prompt") is None and document.get("previous_response_id") is None:
            raise checks.wrong("input", "given")
    elif type(given) is not str:
        raise checks.wrong("input", "a string or a list of items")
    instructions = document.get("instructions")
    if instructions is not None and type(instructions) is not str:
        raise checks.wrong("instructions", "a string")
    for field in _NUMBERS & document.keys():
        checks.number(document, field)
    if not _RARE.isdisjoint(document):
        seen.extras(document)
    return Ask(
        model=model,
        stream=checks.flag(document, "stream"),
        max_tokens=checks.count(document, "max_output_tokens"),
        features=frozenset(seen.features),
        tools=tuple(dict.fromkeys(seen.tools)),
        blobs=seen.blobs,
        blob_bytes=seen.blob_bytes,
    )


class _Seen:
    """What one request was found to use."""

    __slots__ = ("blob_bytes", "blobs", "features", "tools")

    def __init__(self) -> None:
        self.features: set[Feature] = set()
        self.tools: list[str] = []
        self.blobs = 0
        self.blob_bytes = 0

    def item(self, item: Any, index: int) -> None:
        path = f"input[{index}]"
        if type(item) is not dict:
            raise checks.wrong(path, "an object")
        checks.spelled(item, _READ_OF_ITEM, f"{path}.")
        kind, role = item.get("type"), item.get("role")
        if kind is None or kind == "message":
            if type(role) is not str or (role not in _ROLES and role.strip().casefold() not in _ROLES):
                raise checks.wrong(f"{path}.role", "`user`, `assistant`, `system` or `developer`")
            self.content(item.get("content"), f"{path}.content")
            return
        if type(kind) is not str:
            raise checks.wrong(f"{path}.type", "a string")
        if kind == "item_reference":
            raise checks.wrong(path, "the item itself: what it refers to is kept at the provider, bound to nobody")
        if kind in _TOOL_ITEMS:
            self.offered(item, f"{path}.")
        for field in ("content", "output"):
            inner = item.get(field)
            if type(inner) is list:
                self.content(inner, f"{path}.{field}")
            elif type(inner) is dict:  # a screenshot
                self.content([inner], f"{path}.{field}")
        if kind == "image_generation_call" and type(result := item.get("result")) is str:
            self.blobs += 1
            self.blob_bytes += len(result)

    def content(self, content: Any, path: str) -> None:
        if type(content) is str:
            return
        if type(content) is not list:
            raise checks.wrong(path, "a string or a list of parts")
        for index, part in enumerate(content):
            if type(part) is not dict:
                raise checks.wrong(f"{path}[{index}]", "an object")
            self.part(part, f"{path}[{index}]")

    def part(self, part: Json, path: str) -> None:
        checks.spelled(part, _READ_OF_PART, f"{path}.")
        if part.get("text") is not None and type(part["text"]) is not str:
            raise checks.wrong(f"{path}.text", "a string")
        if part.get("file_id") is not None:
            self.features.add(Feature.REMOTE_FILES)
        for field in ("image_url", "file_url"):
            if part.get(field) is not None:
                self.address(part[field], f"{path}.{field}")
        if part.get("file_data") is not None:
            self.address(part["file_data"], f"{path}.file_data", data=True)
        audio = part.get("input_audio")
        if audio is not None:
            if type(audio) is not dict:
                raise checks.wrong(f"{path}.input_audio", "an object")
            checks.spelled(audio, _READ_OF_AUDIO, f"{path}.input_audio.")
            self.address(audio.get("data"), f"{path}.input_audio.data", data=True)

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
        for field in _UNBOUND:
            if document.get(field) is not None:
                raise checks.wrong(field, "left out: what it names is kept at the provider, bound to nobody")
        self.offered(document, "")
        if any(document.get(field) is not None and document[field] is not False for field in _HOSTED):
            self.features.add(Feature.HOSTED_TOOLS)
        kept = checks.flag(document, "store"), checks.flag(document, "background")
        if any(kept) or any(document.get(field) is not None for field in _STORED):
            self.features.add(Feature.STORED_STATE)
        previous = document.get("previous_response_id")
        if previous is not None and (type(previous) is not str or not previous):
            raise checks.wrong("previous_response_id", "a string that is not empty")
        options = document.get("stream_options")
        if options is not None:
            if type(options) is not dict:
                raise checks.wrong("stream_options", "an object")
            checks.spelled(options, _READ_OF_OPTIONS, "stream_options.")

    def offered(self, holder: Json, path: str) -> None:
        """The tools that an object offers to the model."""
        for index, tool in enumerate(checks.objects(holder, "tools", path)):
            at = f"{path}tools[{index}]"
            checks.spelled(tool, _READ_OF_TOOL, f"{at}.")
            kind = tool.get("type")
            if kind in _CLIENT_TOOLS:
                if type(tool.get("name")) is not str or not tool["name"]:
                    raise checks.wrong(f"{at}.name", "a string that is not empty")
                self.own(tool["name"])
            elif kind == "namespace":
                self.offered(tool, f"{at}.")
            elif kind in _KNOWN_TOOLS or (kind == "shell" and _is_local(tool)) or (kind == "tool_search" and _is_own(tool)):
                self.own(kind)
            else:
                self.features.add(Feature.HOSTED_TOOLS)

    def own(self, name: str) -> None:
        self.features.add(Feature.TOOLS)
        self.tools.append(name)


def _is_local(tool: Json) -> bool:
    """Whether a shell runs at the client's; without an environment the provider makes a container for it."""
    environment = tool.get("environment")
    return type(environment) is dict and environment.get("type") == "local"


def _is_own(tool: Json) -> bool:
    return tool.get("execution") == "client"


def bind_system(document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:
    """Make `prompt` the instructions; drop the client's own, there and among the items, or leave them behind it.

    The client's own instructions are kept as the first item, from the developer. Binding what is already bound changes
    nothing.
    """
    if prompt is None and mode is APPEND:
        return _UNTOUCHED
    own = document.get("instructions")
    bound = prompt is not None and own == prompt
    said = 0 if bound or not own else 1
    unsafe = [field for field in _TEMPLATES if document.get(field) is not None]
    others = [field for field in _OTHER_PROMPTS if document.get(field) is not None]
    items: Any = document.get("input")
    system = [item for item in items if _is_system(item)] if type(items) is list else []
    if mode is DROP:
        if document.get("prompt") is not None:  # a template kept at the provider, with a system prompt of its own
            others.append("prompt")
        if system:
            items[:] = [item for item in items if not _is_system(item)]
        unsafe += others
        if prompt is None and said:
            del document["instructions"]
        dropped, appended = said + len(system), 0
    else:
        if said:
            kept = {"type": "message", "role": "developer", "content": own}
            document["input"] = [kept, *_items(items)]
        dropped, appended = 0, said + len(system) + len(others)
    for field in unsafe:
        del document[field]
    if prompt is not None and not bound:
        document["instructions"] = prompt
    return SystemEdit(injected=prompt is not None and not bound, dropped=dropped + len(unsafe), appended=appended)


def _items(given: Any) -> list[Any]:
    if type(given) is list:
        return given
    return [] if given is None else [{"type": "message", "role": "user", "content": given}]


def _is_system(item: Json) -> bool:
    role = item.get("role")
    return (
        type(role) is str
        and (role in _SYSTEM_ROLES or role.strip().casefold() in _SYSTEM_ROLES)
        and item.get("type") not in _TOOL_ITEMS
    )
