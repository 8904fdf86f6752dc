"""Writes the tables of docs/settings.md from `sluicegate.settings`: `make docs`.

A test fails where the page is not what this writes. What a setting means stands below its line in the code; where its
name and unit nearly say it, that module leaves it out and `MEANINGS` holds the sentence.
"""

import ast
import inspect
import types
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs import presets
from sluicegate import objects, settings

PAGE = Path(__file__).with_name("settings.md")
MARK = "<!-- From here on written by `make docs`; edit settings.py or docs/generate.py instead. -->"
UNITS = {"Seconds": "seconds", "Bytes": "bytes"}

MEANINGS: dict[str, str] = {
    "Settings.data_dir": "The folder for everything the gateway writes itself: database, keys.",
    "Server.host": "The address to listen on.",
    "Server.port": "The port to listen on; 0 takes a free one.",
    "Server.max_body_bytes": "The longest request body; beyond it 413.",
    "Server.max_header_bytes": "All headers of a request together.",
    "Server.max_url_bytes": "The request's path and query.",
    "Server.max_json_depth": "How deep a request's JSON may nest.",
    "Server.max_connections": "Connections open at once; beyond it new ones are refused.",
    "Server.body_timeout": "From the end of a request's headers to the end of its body.",
    "Server.keep_alive_timeout": "How long an idle connection stays open for the next request.",
    "Server.write_buffer_bytes": "What may wait in memory for one slow client before its answer is read no further.",
    "Server.shutdown_grace": "How long exchanges under way may take to end once the gateway is told to stop.",
    "DatabaseSettings.busy_timeout": "How long a statement waits for another one's lock.",
    "DatabaseSettings.read_threads": "Threads that read, beside the one that writes.",
    "Audit.checkpoint_seconds": "A checkpoint is signed this long after the last one, if entries came.",
    "Audit.checkpoint_entries": "A checkpoint is signed after so many entries at the latest.",
    "Identity.key_cache": "Virtual keys kept ready in memory.",
    "Identity.unknown_key_cache": "Unknown keys remembered, so that they cost no database look-up.",
    "Identity.session_hours": "An administrator's session ends so many hours after the login.",
    "Identity.session_idle_minutes": "It ends earlier when it was not used for so many minutes.",
    "Identity.login_window": "The time over which failed logins are counted, and for which they lock out.",
    "Limits.unknown_price": "What happens to a request for a model without a known price.",
    "Upstream.connect_timeout": "To open a connection to a provider, TLS included.",
    "Upstream.first_byte_timeout": "From the request's end to the first byte of the answer.",
    "Upstream.total_timeout": "The whole of one call.",
    "Upstream.keep_alive_timeout": "How long an idle connection to a provider is kept for the next call.",
    "Upstream.max_head_bytes": "Status line and headers of an answer.",
    "Upstream.max_event_bytes": "One event of a stream.",
    "Upstream.max_answer_bytes": "One answer in all.",
    "Upstream.max_error_bytes": "How much of a provider's error document is read.",
    "Traces.batch": "Rows written in one transaction.",
    "Logging.level": "The least severe message that is written.",
    "Demo.ollama_timeout": "How long the start waits for Ollama's answer.",
    "BudgetSpec.period": "Over what time it counts, in UTC.",
    "BudgetSpec.usd": "US dollars.",
    "BudgetSpec.tokens": "Tokens, in and out.",
    "RateSpec.requests_per_minute": "Requests a minute.",
    "RateSpec.tokens_per_minute": "Tokens a minute, in and out.",
    "RateSpec.concurrent": "Requests under way at once.",
    "OrganisationSpec.name": "Its name, unique in the installation.",
    "TeamSpec.organisation": "The organisation it belongs to, by name.",
    "TeamSpec.name": "Its name, unique in the organisation.",
    "TeamSpec.budgets": "What all keys of the team may spend together.",
    "UseCaseSpec.organisation": "The organisation it belongs to, by name.",
    "UseCaseSpec.team": "The team that owns it, by name.",
    "UseCaseSpec.name": "Its name, unique in the organisation.",
    "UseCaseSpec.purpose": "What it is for, in a sentence an auditor can read.",
    "UseCaseSpec.classification": "How sensitive its data is; `sensitive` reaches on-prem deployments alone.",
    "UseCaseSpec.system_prompt": "The system prompt that the gateway puts first in every request.",
    "UseCaseSpec.system_mode": "What becomes of a client's own system prompt: dropped, or left behind the bound one.",
    "UseCaseSpec.features": "What a request may ask for beyond text; all else is refused.",
    "UseCaseSpec.tools": "Names or wildcards of the tools that may be declared, once `tools` is among the features.",
    "UseCaseSpec.networks": "Networks calls may come from (`10.0.0.0/8`); none allows any.",
    "UseCaseSpec.guardrail": "The guardrail policy that inspects prompts and answers, by name.",
    "UseCaseSpec.rate": "Bounds for each of its keys.",
    "UseCaseSpec.active": "Whether its keys work.",
    "KeySpec.use_case": "The use case it is bound to, by name.",
    "KeySpec.organisation": "The organisation of that use case, by name.",
    "KeySpec.name": "Its name.",
    "KeySpec.principal": "Who holds it: `user:<name>` or `service_account:<name>`.",
    "KeySpec.sha256": "The SHA-256 of the key, in hexadecimal.",
    "KeySpec.rate": "Bounds for this key; the lower of these and of its use case's hold.",
    "KeySpec.budgets": "What this key may spend.",
    "PriceSpec.input": "Input tokens.",
    "PriceSpec.output": "Output tokens.",
    "PriceSpec.cached": "Input tokens read from the provider's cache.",
    "PriceSpec.cache_write": "Input tokens written to the provider's cache.",
    "ProviderSpec.name": "Its name, unique in the installation.",
    "ProviderSpec.preset": "A known vendor, which fills what is not given here.",
    "ProviderSpec.kind": "How calls are carried; `demo` is the built-in model.",
    "ProviderSpec.dialects": "How its APIs read; a client that speaks none of them is translated to the first.",
    "ProviderSpec.base_url": "Where it is.",
    "ProviderSpec.credential": "Where the credential lives: `file:<path>` or `env:<variable>`; it is never stored.",
    "ProviderSpec.headers": "Headers sent with every call; no secrets, which belong into `credential`.",
    "ProviderSpec.place": "Where it runs; what a classification may reach depends on it.",
    "ProviderSpec.region": "Its region, in the provider's words.",
    "AuthSpec.kind": "What is shown: the credential itself (`header`), a token (`entra`, `google`) or a signature (`aws`).",
    "AuthSpec.header": "Of kind `header`: which one; empty takes the usual one of each dialect.",
    "AuthSpec.scheme": "Of kind `header`: the word before the credential (`Bearer`).",
    "AuthSpec.authority": "Of kind `entra`: where tokens are asked for.",
    "AuthSpec.tenant": "Of kind `entra`: the directory.",
    "AuthSpec.client": "Of kind `entra`: the application.",
    "AuthSpec.scope": "Of kinds `entra` and `google`: what the token is for.",
    "AuthSpec.federated": "Of kind `entra`: the credential is a federated token (workload identity) and no secret.",
    "AuthSpec.service": "Of kind `aws`: the service that signatures name.",
    "ProviderSpec.paths": "Per dialect `whole`, and `stream` where it differs: the path behind the base URL.",
    "ProviderSpec.query": "Added to every address (`api-version`).",
    "ProviderSpec.auth": "How it knows the gateway; unless given, the usual header of each dialect.",
    "ProviderSpec.client_headers": "The client's own headers that go on to it.",
    "ProviderSpec.quirks": "How it differs from its dialects.",
    "UseCaseSpec.own_credentials": "Whether clients may show their provider a credential of their own; not with a prompt.",
    "DeploymentSpec.name": "Its name, unique in the installation.",
    "DeploymentSpec.model": "The model that clients ask for; may be a wildcard (`claude-*`).",
    "DeploymentSpec.provider": "The provider it runs at, by name.",
    "DeploymentSpec.upstream_model": "What the provider calls the model; unless given, `model`.",
    "DeploymentSpec.region": "Unless given, the provider's.",
    "DeploymentSpec.order": "Lower ones are tried first.",
    "DeploymentSpec.weight": "Its share among deployments of the same order.",
    "DeploymentSpec.max_output_tokens": "Reserved for the answer where a request names no bound of its own.",
    "DeploymentSpec.price": "Its price, where the price list is not to be asked.",
}
"""`Class.field` → what it means."""


def page(head: str) -> str:
    """The whole page: `head`, which people write, and the tables."""
    return f"{head}{MARK}\n\n" + "\n\n".join(_tables()) + "\n"


def head() -> str:
    """What stands above the mark on the page as it is."""
    return PAGE.read_text(encoding="utf-8").split(MARK, 1)[0]


def sections() -> list[tuple[str, type[BaseModel]]]:
    """Every group of settings: its path (`server`, `keys[]`, `keys[].budgets[]`) and its class. A class stands once."""
    found: dict[type[BaseModel], str] = {}

    def visit(path: str, model: type[BaseModel]) -> None:
        found[model] = path
        for name, field in model.model_fields.items():
            for inner, many in _models(field.annotation):
                if inner not in found:
                    visit(f"{path}.{name}".lstrip(".") + ("[]" if many else ""), inner)

    visit("", settings.Settings)
    return [(path, model) for model, path in found.items()]


def meanings() -> dict[str, str]:
    """`Class.field` → the sentence that says what it means, from settings.py, objects.py and from here."""
    found = dict(MEANINGS)
    for node in (node for module in (settings, objects) for node in ast.parse(inspect.getsource(module)).body):
        if isinstance(node, ast.ClassDef):
            for line, after in zip(node.body, node.body[1:], strict=False):
                if isinstance(line, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                    found[f"{node.name}.{ast.unparse(line.target)}"] = " ".join(str(after.value.value).split())
    return found


def undescribed() -> list[str]:
    """Settings that nothing says the meaning of, and meanings of settings that are gone."""
    names = {f"{model.__name__}.{name}" for _, model in sections() for name in model.model_fields}
    groups = {f"Settings.{name}" for name, field in settings.Settings.model_fields.items() if _models(field.annotation)}
    return sorted((names - groups - meanings().keys()) | (MEANINGS.keys() - names))


def default(field: FieldInfo) -> str:
    """A field's default as it would stand in YAML; `required` where there is none."""
    if field.default is PydanticUndefined:
        return "required"
    if isinstance(field.default, BaseModel):
        return "see there"
    return _value(field.default)


def _tables() -> Iterator[str]:
    said = meanings()
    for path, model in sections():
        schema = model.model_json_schema()
        aliases = _aliases(model)
        lines = [f"## `{path}`" if path else "## Top level", "", inspect.cleandoc(model.__doc__ or ""), ""]
        lines += ["| Setting | Value | Default | Meaning |", "|---|---|---|---|"]
        for name, field in model.model_fields.items():
            if not path and _models(field.annotation):
                continue  # has a table of its own
            value = _kind(schema["properties"][name], schema.get("$defs", {}))
            unit = UNITS.get(aliases[name])
            row = (
                f"`{path}.{name}`".replace("`.", "`"),
                unit or value,
                default(field),
                said.get(f"{model.__name__}.{name}", ""),
            )
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
        yield "\n".join(lines)


def _models(annotation: Any) -> list[tuple[type[BaseModel], bool]]:
    """The groups of settings an annotation speaks of, and whether as a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [(annotation, False)]
    many = get_origin(annotation) is tuple
    if many or get_origin(annotation) in (Union, types.UnionType):
        return [(model, many or inner) for part in get_args(annotation) for model, inner in _models(part)]
    return []


def _aliases(model: type[BaseModel]) -> dict[str, str]:
    """Each field's annotation as it is written, which names its unit."""
    (node,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(node, ast.ClassDef)
    return {ast.unparse(line.target): ast.unparse(line.annotation) for line in node.body if isinstance(line, ast.AnnAssign)}


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if value == "":
        return "empty"
    if isinstance(value, Enum):
        return f"`{value.value}`"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, tuple | frozenset | dict):
        return f"`{', '.join(sorted(map(str, value)))}`" if value else "none"
    if isinstance(value, float | Decimal):
        return f"`{value:g}`"
    return f"`{value}`"


def _kind(schema: dict[str, Any], defs: dict[str, Any]) -> str:
    """What a JSON schema allows, in words."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        paths = {model.__name__: path for path, model in sections()}
        return f"as [`{paths[name]}`](#{_slug(paths[name])})" if name in paths else _kind(defs[name], defs)
    if "anyOf" in schema:
        return (
            " or ".join(
                dict.fromkeys(_kind(part, defs) for part in schema["anyOf"] if _kind(part, defs) not in ("text", "null"))
            )
            or "text"
        )
    if "enum" in schema:
        return ", ".join(f"`{choice}`" for choice in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "")
    if kind == "array":
        return f"list of {_kind(schema['items'], defs)}".replace("list of as", "list, each as")
    words = {
        "integer": "whole number",
        "number": "number",
        "string": "text",
        "boolean": "`true` or `false`",
        "object": "mapping",
    }
    signs = {"exclusiveMinimum": ">", "minimum": "≥", "maximum": "≤"}
    bounds = " and ".join(f"{sign} {schema[key]:.10g}" for key, sign in signs.items() if key in schema)
    return f"{words.get(kind, kind)} {bounds}".rstrip()


def _slug(path: str) -> str:
    return "".join(letter for letter in path.lower() if letter.isalnum() or letter in "-_")


if __name__ == "__main__":
    PAGE.write_text(page(head()), encoding="utf-8")
    presets.PAGE.write_text(presets.page(), encoding="utf-8")
