"""Tools as the Responses API declares them: functions, functions in a namespace, and custom ones that take a text.

The other dialects know functions alone. One of a namespace gets both names; a custom one becomes a function of one text. In
the answer both are called again as they were declared.
"""

import re
from collections.abc import Iterable, Mapping

import msgspec

from sluicegate.codecs.conversation import Called, Delta, Tool
from sluicegate.codecs.reading import Fields, arguments_object
from sluicegate.core.dialect import Json

INPUT = "input"
"""The only argument of a custom tool."""
_BETWEEN = "__"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the other dialects take for a function's name."""
_KNOBS = frozenset({"defer_loading", "allowed_callers", "output_schema", "async"})
_SILENT = {"defer_loading": False}
_SCHEMA: Json = {
    "type": "object",
    "properties": {INPUT: {"type": "string"}},
    "required": [INPUT],
    "additionalProperties": False,
}


def joined(namespace: str, name: str) -> str:
    """The one name of a function."""
    return f"{namespace}{_BETWEEN}{name}" if namespace else name


def decode_tools(fields: Fields) -> list[Tool]:
    """The tools that one declaration offers. Raises UnsupportedFeature for those that a provider would run."""
    kind = fields.text("type")
    if kind == "function":
        return [_function(fields, "", None)]
    if kind == "custom":
        return [_custom(fields)]
    if kind != "namespace":
        raise fields.cannot("type")
    namespace, about = fields.text("name"), fields.take("description")
    tools = []
    for index, tool in enumerate(fields.list("tools")):
        inner = fields.inner(tool, f"tools[{index}]")
        if inner.text("type") != "function":
            raise inner.cannot("type")
        tools.append(_function(inner, namespace, about))
    fields.close()
    return tools


def _function(fields: Fields, namespace: str, about: str | None) -> Tool:
    name, description = joined(namespace, fields.text("name")), fields.take("description")
    if namespace and not _NAME.fullmatch(name):
        raise fields.cannot("name")
    if about:  # what is said of the namespace is said of what is in it
        description = f"{about}\n\n{description}" if description else about
    empty: Json = {"type": "object", "properties": {}}
    schema = fields.object("parameters") or empty
    tool = Tool(name, description, schema, fields.flag("strict"), namespace)
    fields.close(_KNOBS, _SILENT)
    return tool


def _custom(fields: Fields) -> Tool:
    """A grammar is told in words: the model is asked to keep to it, and nobody makes sure."""
    name, description = fields.text("name"), fields.take("description")
    form = fields.inner(fields.object("format"), "format")
    kind, syntax, definition = form.text("type"), form.text("syntax"), form.text("definition")
    if kind not in ("", "text", "grammar"):
        raise form.cannot("type")
    form.close()
    if definition:
        rule = f"The input keeps to this {syntax} grammar:\n{definition}"
        description = f"{description}\n\n{rule}" if description else rule
    fields.close(_KNOBS, _SILENT)
    return Tool(name, description, _SCHEMA, None, "", custom=True)


def declared(tools: Iterable[Tool]) -> Mapping[str, Tool]:
    """Those that a client calls otherwise than they are called in between, by the name they have there."""
    return {tool.name: tool for tool in tools if tool.namespace or tool.custom}


def as_declared(deltas: Iterable[Delta], tools: Mapping[str, Tool]) -> list[Delta]:
    """`deltas`, in which the calls of `tools` are those of their client again."""
    return [
        _called(delta, tools[delta.name]) if isinstance(delta, Called) and delta.name in tools else delta for delta in deltas
    ]


def _called(call: Called, tool: Tool) -> Called:
    name = call.name.removeprefix(joined(tool.namespace, ""))
    return msgspec.structs.replace(call, name=name, namespace=tool.namespace, custom=tool.custom)


def custom_input(arguments: str) -> str:
    """The text in the arguments of a custom tool; they themselves where the model wrote something else."""
    value = (arguments_object(arguments) or {}).get(INPUT)
    return value if type(value) is str else arguments
