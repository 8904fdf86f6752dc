"""What a Messages request asks for, and the binding of its system prompt."""

from typing import Any

from sluicegate.core.dialect import Ask, Feature, Json, SystemEdit, SystemMode
from sluicegate.dialects import checks

APPEND = SystemMode.APPEND
_ROLES = frozenset({"user", "assistant", "system"})
_SPEAKERS = frozenset({"user", "assistant"})
_NUMBERS = frozenset({"temperature", "top_p", "top_k"})
_MODELS = ("fallbacks", "models")
"""Fields by which the provider would be told to answer with other models than the one that was asked for and allowed."""
_RARE = frozenset({*_MODELS, "stop_sequences", "tools", "mcp_servers", "container", "thread"})
_READ = frozenset(
    {
        "model",
        "messages",
        "system",
        "max_tokens",
        "stream",
        "service_tier",
        "speed",
        *_NUMBERS,
        *_RARE,
        "chat_template",
        "chat_template_kwargs",
    }
)
_READ_OF_MESSAGE = frozenset({"role", "content"})
_READ_OF_BLOCK = frozenset({"type", "text", "name", "input", "source", "content", "id", "tool_use_id", "url", "file_id"})
_TEMPLATES = ("chat_template", "chat_template_kwargs")
"""Fields (vLLM) that could render the conversation without the bound prompt."""
_RETURNED = frozenset({"web_search_result", "web_fetch_result", "code_execution_output", "bash_code_execution_output"})
"""Blocks in which an address or a file's id says where a hosted tool found something; nothing is fetched for them."""
_READ_OF_TOOL = frozenset({"type", "name"})
_READ_OF_SOURCE = frozenset({"type", "url", "file_id", "data", "content", "media_type"})
_DEPTH = 8
"""How deep blocks may stand in one another: a tool result holds a document, which holds an image."""


def read(document: Json) -> Ask:
    """What the request asks for. Raises InvalidRequest naming the field that is missing or of the wrong type."""
    seen = _Seen()
    checks.spelled(document, _READ)
    model = checks.name(document, "model")
    messages = checks.objects(document, "messages")
    if not messages:
        raise checks.wrong("messages", "a list with at least one message")
    for index, message in enumerate(messages):
        checks.spelled(message, _READ_OF_MESSAGE, f"messages[{index}].")
        role = message.get("role")
        if type(role) is not str or (role not in _ROLES and role.strip().casefold() not in _ROLES):
            raise checks.wrong(f"messages[{index}].role", "`user`, `assistant` or `system`")
        content = message.get("content")
        if type(content) is not str:
            seen.content(content, f"messages[{index}].content", 0)
    if document.get("system") is not None:
        seen.content(document["system"], "system", 0)
    for field in _NUMBERS & document.keys():
        checks.number(document, field)
    if not _RARE.isdisjoint(document):
        seen.extras(document)
    max_tokens = checks.count(document, "max_tokens", least=0)
    if max_tokens is None:
        raise checks.wrong("max_tokens", "given")
    return Ask(
        model=model,
        stream=checks.flag(document, "stream"),
        max_tokens=max_tokens,
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

    def content(self, content: Any, path: str, depth: int) -> None:
        if type(content) is str:
            return
        if depth > _DEPTH:
            raise checks.wrong(path, "nested less deeply")
        if not checks.is_parts(content, path):
            return
        for index, block in enumerate(content):
            if len(block) == 2 and block["type"] == "text" and type(block.get("text")) is str:
                continue
            self.block(block, f"{path}[{index}]", depth)

    def block(self, block: Json, path: str, depth: int) -> None:
        checks.spelled(block, _READ_OF_BLOCK, f"{path}.")
        kind = block["type"]
        if kind == "text":
            if type(block.get("text")) is not str:
                raise checks.wrong(f"{path}.text", "a string")
        elif kind == "tool_use":
            if type(block.get("name")) is not str:
                raise checks.wrong(f"{path}.name", "a string")
            if type(block.get("input")) is not dict:
                raise checks.wrong(f"{path}.input", "an object")
        elif kind == "container_upload":
            self.features.add(Feature.REMOTE_FILES)
        if kind not in _RETURNED:
            if block.get("url") is not None:
                self.features.add(Feature.REMOTE_URLS)
            if block.get("file_id") is not None:
                self.features.add(Feature.REMOTE_FILES)
        if "source" in block and (kind != "search_result" or type(block["source"]) is not str):
            self.source(block["source"], f"{path}.source", depth)
        inner = block.get("content")
        if type(inner) is list:
            self.content(inner, f"{path}.content", depth + 1)
        elif type(inner) is dict:
            # what a hosted tool returned is one object, in which a document may stand
            self.content([inner] if type(inner.get("type")) is str else [], f"{path}.content", depth + 1)

    def source(self, source: Any, path: str, depth: int) -> None:
        if type(source) is not dict:
            raise checks.wrong(path, "an object")
        checks.spelled(source, _READ_OF_SOURCE, f"{path}.")
        kind = source.get("type")
        if kind == "base64":
            data = source.get("data")
            if type(data) is not str:
                raise checks.wrong(f"{path}.data", "a string")
            self.blobs += 1
            self.blob_bytes += len(data)
        if kind == "url" or "url" in source:
            self.features.add(Feature.REMOTE_URLS)
        if kind == "file" or "file_id" in source:
            self.features.add(Feature.REMOTE_FILES)
        if "content" in source:
            self.content(source["content"], f"{path}.content", depth + 1)

    def extras(self, document: Json) -> None:
        """Tools, and the fields that ask for more than text: those of `_RARE`."""
        for field in _MODELS:
            if document.get(field) is not None:
                raise checks.wrong(field, "left out: the gateway decides which models may answer")
        checks.texts(document, "stop_sequences", single=False)
        for index, tool in enumerate(checks.objects(document, "tools")):
            checks.spelled(tool, _READ_OF_TOOL, f"tools[{index}].")
            if tool.get("type", "custom") not in (None, "custom"):
                self.features.add(Feature.HOSTED_TOOLS)
                continue
            if type(tool.get("name")) is not str or not tool["name"]:
                raise checks.wrong(f"tools[{index}].name", "a string that is not empty")
            self.features.add(Feature.TOOLS)
            self.tools.append(tool["name"])
        if checks.objects(document, "mcp_servers"):
            self.features.add(Feature.HOSTED_TOOLS)
        if document.get("container") is not None:
            self.features.update((Feature.STORED_STATE, Feature.HOSTED_TOOLS))
        if document.get("thread") is not None:
            self.features.add(Feature.STORED_STATE)


def bind_system(document: Json, prompt: str | None, mode: SystemMode) -> SystemEdit:
    """Put `prompt` first in `system`; drop the client's own, there and in messages, or leave it behind.

    Blocks that stay keep their cache marks. Binding what is already bound changes nothing.
    """
    if prompt is None and mode is APPEND:
        return SystemEdit()
    templates = [field for field in _TEMPLATES if document.get(field) is not None]
    for field in templates:
        del document[field]
    blocks = _blocks(document.get("system"))
    bound = prompt is not None and bool(blocks) and blocks[0] == {"type": "text", "text": prompt}
    own = blocks[1:] if bound else blocks
    messages: list[Json] = document["messages"]
    kept = [message for message in messages if message["role"] in _SPEAKERS or not _is_system(message)]
    found = len(own) + len(messages) - len(kept)
    if mode is APPEND:
        if not bound:
            document["system"] = [_text(prompt), *own] if own else prompt
        return SystemEdit(injected=not bound, dropped=len(templates), appended=found)
    if len(kept) < len(messages):
        messages[:] = kept
    if prompt is None:
        document.pop("system", None)
    elif own or not bound:
        document["system"] = prompt
    return SystemEdit(injected=prompt is not None and not bound, dropped=found + len(templates))


def _is_system(message: Json) -> bool:
    role: str = message["role"]
    return role.strip().casefold() == "system"


def _blocks(system: Any) -> list[Json]:
    if isinstance(system, str):
        return [_text(system)] if system else []
    return list(system) if system else []


def _text(text: str | None) -> Json:
    return {"type": "text", "text": text}
