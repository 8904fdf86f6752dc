"""Laws of reading: nothing escapes inspection, editing keeps a document whole, binding twice is binding once."""

import copy
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.core.dialect import Dialect, Form, Json, Span, SystemMode
from sluicegate.dialects.anthropic_messages import AnthropicMessages
from sluicegate.dialects.document import parse
from sluicegate.dialects.gemini import Gemini
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dialects.openai_responses import OpenAIResponses

GOLDEN = Path(__file__).parents[1] / "golden" / "dialects"
DIALECTS: tuple[Dialect, ...] = (OpenAIChat(), OpenAIResponses(), AnthropicMessages(), Gemini("m"))
CANARY = "canary 4111 1111 1111 1111"
STRUCTURAL = re.compile(r"\.model")
"""Places where even a canary is not looked for: the allowlist decides about the model's name."""


def rich(dialect: Dialect) -> Json:
    """A document that uses every place the dialect knows."""
    return parse((GOLDEN / f"{dialect.name}.json").read_bytes(), 100, 10_000)


def places(value: Any, path: str = "") -> Iterator[tuple[str, Any, Any, bool]]:
    """Every string and key: its path, its holder, its key there, and whether it is the key."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for key, member in list(members):
        below = f"{path}[]" if isinstance(value, list) else f"{path}.{key}"
        if isinstance(value, dict):
            yield below, value, key, True
        if isinstance(member, str):
            yield below, value, key, False
        elif isinstance(member, dict | list):
            yield from places(member, below)


def texts(dialect: Dialect, document: Json) -> list[str]:
    return [span.text for span in dialect.spans(document).spans]


def replace(spans: list[Span], new: str) -> None:
    """What inspection does with findings: write another text in place of each span."""
    touched = {}
    for number, span in enumerate(spans):
        if span.form is Form.KEY:
            span.holder[f"{new}{number}"] = span.holder.pop(span.key)
        else:
            span.holder[span.key] = 0 if span.form is Form.NUMBER else new
        if span.nested is not None:
            touched[id(span.nested)] = span.nested
    for nested in touched.values():
        nested.holder[nested.key] = json.dumps(nested.document)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_a_canary_planted_at_any_place_is_found(dialect: Dialect) -> None:
    original = rich(dialect)
    paths = [(path, is_key) for path, _, _, is_key in places(original)]
    assert len(paths) > 100
    for number, (path, is_key) in enumerate(paths):
        document = copy.deepcopy(original)
        _, holder, key, _ = next(p for i, p in enumerate(places(document)) if i == number)
        if is_key:
            holder[CANARY] = holder.pop(key)
        else:
            holder[key] = CANARY
        if STRUCTURAL.fullmatch(path) and not is_key:
            continue
        assert any(CANARY in text for text in texts(dialect, document)), (path, is_key)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_a_canary_in_what_a_string_holds_is_found_escaped_or_not(dialect: Dialect) -> None:
    if dialect.name not in ("openai_chat", "openai_responses"):  # elsewhere no string holds JSON
        return
    document = rich(dialect)
    escaped = "".join(f"\\u{ord(c):04x}" for c in CANARY)
    call: Json = {"id": "call_1abc", "type": "function", "function": {"name": "f", "arguments": f'{{"a": ["{escaped}"]}}'}}
    if dialect.name == "openai_responses":
        document["input"].append({"type": "function_call", "call_id": call["id"], **call["function"]})
    else:
        document["messages"].append({"role": "assistant", "content": "", "tool_calls": [call]})
    assert CANARY in texts(dialect, document)


def uri(text: str, *, percent: bool) -> str:
    return f"data:text/plain,{quote(text)}" if percent else f"data:text/csv;base64,{b64encode(text.encode()).decode()}"


@pytest.mark.parametrize("percent", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_a_canary_in_a_text_file_is_found_wherever_files_stand(dialect: Dialect, percent: bool) -> None:
    """Where no file is expected, a data URI is one all the same, except where people write."""
    original = rich(dialect)
    found = 0
    for number, (path, _, _, is_key) in enumerate(places(original)):
        if is_key or STRUCTURAL.fullmatch(path):
            continue
        document = copy.deepcopy(original)
        _, holder, key, _ = next(p for i, p in enumerate(places(document)) if i == number)
        holder[key] = sent = uri(CANARY, percent=percent)
        spans = dialect.spans(document).spans
        assert any(CANARY in span.text or sent in span.text for span in spans), path
        for span in [span for span in spans if CANARY in span.text]:
            span.holder[span.key] = "gone"
            found += 1
            assert dialect.spans(document) is not None
            assert CANARY not in json.dumps(document)
            assert quote(CANARY) not in json.dumps(document)
            assert b64encode(CANARY.encode()).decode()[:20] not in json.dumps(document)
    assert found >= 15


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(value=JSON, field=st.text(min_size=1), number=st.integers(0, 10_000))
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_a_canary_in_any_document_is_found(dialect: Dialect, value: Any, field: str, number: int) -> None:
    document = rich(dialect)
    if field in document:
        return
    document[field] = [value, {"x": value}]
    found = list(places(document))
    path, holder, key, is_key = found[number % len(found)]
    if is_key:
        holder[CANARY] = holder.pop(key)
    elif STRUCTURAL.fullmatch(path) is None:
        holder[key] = CANARY
    else:
        return
    assert any(CANARY in text for text in texts(dialect, document))


@settings(deadline=None)
@given(value=JSON)
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_replacing_every_span_leaves_a_document_and_no_text(dialect: Dialect, value: Any) -> None:
    document = rich(dialect)
    document["unknown"] = value
    replace(dialect.spans(document).spans, "Z")
    again = parse(json.dumps(document).encode(), 100, 10_000)
    assert again == document
    left = [text for text in texts(dialect, again) if not text.startswith("Z")]
    assert all(text == "0" for text in left), left


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_reading_changes_nothing(dialect: Dialect) -> None:
    document = rich(dialect)
    before = copy.deepcopy(document)
    dialect.read(document)
    dialect.spans(document)
    assert document == before


ROLES = st.sampled_from(["system", "developer", "System", "DEVELOPER", " system", "user", "assistant"])


@settings(deadline=None)
@given(
    roles=st.lists(ROLES, min_size=1, max_size=6),
    prompt=st.none() | st.text(min_size=1, max_size=5),
    mode=st.sampled_from(SystemMode),
    parts=st.booleans(),
    top=st.booleans(),
)
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda d: d.name)
def test_binding_twice_is_binding_once(
    dialect: Dialect, roles: list[str], prompt: str | None, mode: SystemMode, parts: bool, top: bool
) -> None:
    if dialect.name == "gemini":
        return
    content: Any = [{"type": "text", "text": "own"}] if parts else "own"
    if dialect.name == "anthropic_messages":
        roles = [role.replace("developer", "user").replace("DEVELOPER", "User") for role in roles]
    said = [{"role": r, "content": content} for r in roles]
    document: Json = {"model": "m", "max_tokens": 1, "messages": said}
    if dialect.name == "openai_responses":
        document = {"model": "m", "input": "own" if len(roles) == 1 and not parts else said}
    if top and dialect.name != "openai_chat":
        document |= {"system": content} if dialect.name == "anthropic_messages" else {"instructions": "own"}
    sent = copy.deepcopy(document)
    dialect.read(document)
    edit = dialect.bind_system(document, prompt, mode)
    assert edit.changed == (document != sent)
    once = copy.deepcopy(document)
    again = dialect.bind_system(document, prompt, mode)
    assert document == once
    assert not again.changed
    if mode is SystemMode.DROP:
        spans = [span for span in dialect.spans(document).spans if span.place == "system"]
        assert [span.text for span in spans] == ([] if prompt is None else [prompt])
    elif prompt is not None:
        first: Any = document.get("instructions") or document.get("system") or document["messages"][0]["content"]
        assert (first if isinstance(first, str) else first[0]["text"]) == prompt


SYSTEMS: Any = st.sampled_from(
    [
        None,
        {},
        "",
        "own",
        {"parts": [{"text": "own"}]},
        {"role": "user", "parts": [{"text": "own"}, {"text": "b"}]},
        {"parts": []},
    ]
)


@settings(deadline=None)
@given(
    system=SYSTEMS,
    prompt=st.none() | st.just("own") | st.text(min_size=1, max_size=5),
    mode=st.sampled_from(SystemMode),
    field=st.sampled_from(["systemInstruction", "system_instruction"]),
)
def test_binding_twice_is_binding_once_with_gemini(system: Any, prompt: str | None, mode: SystemMode, field: str) -> None:
    dialect = Gemini("m")
    document: Json = {"contents": [{"parts": [{"text": "a"}]}]} | ({} if system is None else {field: system})
    sent = copy.deepcopy(document)
    dialect.read(document)
    edit = dialect.bind_system(document, prompt, mode)
    assert edit.changed == (document != sent)
    once = copy.deepcopy(document)
    assert not dialect.bind_system(document, prompt, mode).changed
    assert document == once
    spans = [span.text for span in dialect.spans(document).spans if span.place == "system"]
    if mode is SystemMode.DROP:
        assert spans == ([] if prompt is None else [prompt])
    elif prompt is not None:
        assert spans[0] == prompt
