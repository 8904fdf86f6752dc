"""How a request is changed for a model or server that differs from its dialect. A closed list, chosen by data.

Each takes a document and returns it, or a changed copy: what the client sent is left as it is, because another target may
be asked after this one. Settings that are left out are named to the client.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sluicegate.core.dialect import DialectName, Json
from sluicegate.core.provider import Quirk

BEDROCK_VERSION = "bedrock-2023-05-31"
VERTEX_VERSION = "vertex-2023-10-16"
"""The versions of Anthropic's API that the clouds know (docs.claude.com, Claude on Amazon Bedrock and on Vertex AI)."""

_SAMPLING = ("temperature", "top_p", "top_k", "presence_penalty", "frequency_penalty")

_CHAT = frozenset((DialectName.OPENAI_CHAT,))
_OPENAI = frozenset((DialectName.OPENAI_CHAT, DialectName.OPENAI_RESPONSES))
_SAMPLED = frozenset((*_OPENAI, DialectName.ANTHROPIC_MESSAGES))
_ANTHROPIC = frozenset((DialectName.ANTHROPIC_MESSAGES, DialectName.ANTHROPIC_COUNT_TOKENS))

Dropped = dict[str, None]
Change = Callable[[Json, Mapping[str, str], Dropped], Json]


def apply(
    quirks: Sequence[Quirk], dialect: DialectName, document: Json, headers: Mapping[str, str], dropped: Dropped
) -> Json:
    """`document`, a request in `dialect`, as a target with `quirks` takes it: the same object where nothing differs.

    `headers` are the client's that travel; `dropped` gathers the names of settings that were left out.
    """
    for quirk in quirks:
        dialects, change = CHANGES[quirk]
        if dialect in dialects:
            document = change(document, headers, dropped)
    return document


def _renamed(old: str, new: str) -> Change:
    def change(document: Json, _: Mapping[str, str], __: Dropped) -> Json:
        if old not in document:
            return document
        return {**{name: value for name, value in document.items() if name != old}, new: document[old]}

    return change


def _without(*names: str, told: bool = True) -> Change:
    def change(document: Json, _: Mapping[str, str], dropped: Dropped) -> Json:
        present = [name for name in names if name in document]
        if not present:
            return document
        if told:
            dropped.update(dict.fromkeys(name for name in present if document[name] is not None))
        return {name: value for name, value in document.items() if name not in names}

    return change


def _no_store(document: Json, _: Mapping[str, str], __: Dropped) -> Json:
    """Only where it says what holds anyway."""
    return document if document.get("store", True) else {n: v for n, v in document.items() if n != "store"}


def _no_strict(document: Json, _: Mapping[str, str], dropped: Dropped) -> Json:
    tools = document.get("tools")
    if not isinstance(tools, list):
        return document
    loose = [_loosened(tool) for tool in tools]
    if all(new is old for new, old in zip(loose, tools, strict=True)):
        return document
    dropped["tools[].strict"] = None
    return {**document, "tools": loose}


def _loosened(tool: Any) -> Any:
    """A tool without `strict`, at its top (Responses) or in its function (Chat)."""
    if not isinstance(tool, dict):
        return tool
    function = tool.get("function")
    if isinstance(function, dict) and "strict" in function:
        tool = {**tool, "function": {name: value for name, value in function.items() if name != "strict"}}
    return {name: value for name, value in tool.items() if name != "strict"} if "strict" in tool else tool


def _roles(new: Mapping[str, str]) -> Change:
    def change(document: Json, _: Mapping[str, str], __: Dropped) -> Json:
        for field in ("messages", "input"):
            turns = document.get(field)
            if isinstance(turns, list) and any(_role(turn) in new for turn in turns):
                given = [{**turn, "role": new[_role(turn)]} if _role(turn) in new else turn for turn in turns]
                document = {**document, field: given}
        return document

    return change


def _role(turn: Any) -> str:
    role = turn.get("role") if isinstance(turn, dict) else None
    return role if isinstance(role, str) else ""


def _anthropic(version: str, *, streamed: bool, betas: bool) -> Change:
    """Without the model, which the address names; `betas` stand in the body there, and not in a header."""

    def change(document: Json, headers: Mapping[str, str], _: Dropped) -> Json:
        left = ("model",) if streamed else ("model", "stream")
        changed = {name: value for name, value in document.items() if name not in left}
        changed["anthropic_version"] = version
        if betas and (asked := headers.get("anthropic-beta")):
            changed["anthropic_beta"] = [beta.strip() for beta in asked.split(",")]
        return changed

    return change


CHANGES: Mapping[Quirk, tuple[frozenset[DialectName], Change]] = {
    Quirk.MAX_COMPLETION_TOKENS: (_CHAT, _renamed("max_tokens", "max_completion_tokens")),
    Quirk.MAX_TOKENS: (_CHAT, _renamed("max_completion_tokens", "max_tokens")),
    Quirk.NO_STREAM_OPTIONS: (_CHAT, _without("stream_options", told=False)),
    Quirk.NO_PARALLEL_TOOL_CALLS: (_OPENAI, _without("parallel_tool_calls")),
    Quirk.NO_STRICT: (_OPENAI, _no_strict),
    Quirk.NO_SYSTEM: (_OPENAI, _roles({"system": "user", "developer": "user"})),
    Quirk.NO_DEVELOPER: (_OPENAI, _roles({"developer": "system"})),
    Quirk.NO_SAMPLING: (_SAMPLED, _without(*_SAMPLING)),
    Quirk.NO_STORE: (_OPENAI, _no_store),
    Quirk.ANTHROPIC_BEDROCK: (_ANTHROPIC, _anthropic(BEDROCK_VERSION, streamed=False, betas=True)),
    Quirk.ANTHROPIC_VERTEX: (_ANTHROPIC, _anthropic(VERTEX_VERSION, streamed=True, betas=False)),
}
"""Per quirk: the dialects it concerns, and what it does."""
