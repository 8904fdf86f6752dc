"""Laws of what is done: looking changes nothing, and a value that left as a placeholder comes back as itself."""

import asyncio
import json
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sluicegate.core.dialect import Dialect
from sluicegate.core.event import Event, frame, sse, whole
from sluicegate.core.exchange import Arrival, Exchange
from sluicegate.dialects.anthropic_messages import AnthropicMessages
from sluicegate.dialects.gemini import Gemini
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dialects.openai_responses import OpenAIResponses
from sluicegate.dlp.documents import Documents
from sluicegate.dlp.policies import Policies
from sluicegate.dlp.vault import Vault
from sluicegate.settings import Dlp, Server
from sluicegate.stages.s4_inspect_prompt import InspectPrompt
from sluicegate.stages.s7_inspect_response import InspectResponse
from tests.support import gemini, responses
from tests.support.exchanges import grant
from tests.support.guardrails import CARD, EMAIL, IBAN, SSN, passed, written

CHAT, MESSAGES, RESPONSES, GEMINI = OpenAIChat(), AnthropicMessages(), OpenAIResponses(), Gemini("m", stream=True)
DONE = b"[DONE]"
FOUND = "{card: redact, ssn: redact, iban: redact, email: redact}"
BLOCKED = "{card: block, ssn: {action: block, count: 2, below: redact}, iban: redact, email: alert}"
TOKENISED = "{card: tokenise, ssn: tokenise, iban: tokenise, email: tokenise}"


@cache
def policies() -> Policies:
    shadow = f"{{mode: shadow, prompt: {BLOCKED}, answer: {BLOCKED}, unscannable: block}}"
    single = BLOCKED.replace("redact}, iban: redact", "redact, mode: shadow}, iban: {action: redact, mode: shadow}")
    single = single.replace("card: block", "card: {action: block, mode: shadow}")
    alert = FOUND.replace("redact", "alert")
    enforce = f"{{prompt: {TOKENISED}, answer: {FOUND}}}"
    tokenise = f"{{prompt: {TOKENISED}, answer: {{}}}}"
    looking = f"single: {{prompt: {{}}, answer: {single}}}, alert: {{prompt: {{}}, answer: {alert}}}"
    return written(f"policies: {{shadow: {shadow}, {looking}, enforce: {enforce}, tokenise: {tokenise}}}")


def exchange(dialect: Dialect, policy: str) -> Exchange:
    made = Exchange("1", dialect, Arrival("/", "", {}))
    granted = grant()
    made.grant = replace(granted, use_case=replace(granted.use_case, guardrail=policy))
    made.policy_version = policies().version
    return made


def cut(text: str, places: list[int]) -> list[str]:
    edges = [0, *sorted({place % (len(text) + 1) for place in places}), len(text)]
    return [text[a:b] for a, b in pairwise(edges)]


def chat(text: str, arguments: str, places: list[int]) -> list[Event]:
    """The events of a streamed answer that says `text` and calls a tool with `arguments`."""
    deltas: list[dict[str, Any]] = [{"content": part} for part in cut(text, places)]
    calls = [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in cut(arguments, places)]
    chunks = [sse({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}) for delta in [*deltas, *calls]]
    return [*chunks, Event(b": comment\n\n", b""), Event(frame(DONE), DONE)]


def messages(text: str, arguments: str, places: list[int]) -> list[Event]:
    deltas: list[tuple[int, dict[str, Any]]] = [(0, {"type": "text_delta", "text": part}) for part in cut(text, places)]
    deltas += [(1, {"type": "input_json_delta", "partial_json": part}) for part in cut(arguments, places)]
    events = [
        sse({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
        for index, delta in deltas
    ]
    return [*events, sse({"type": "message_stop"}, "message_stop")]


def restated(text: str, arguments: str, places: list[int]) -> list[Event]:
    """The same of the Responses API, which says each text again and again."""
    events: list[Event] = []
    for event in responses.events([responses.message(text), responses.call("call_1", "f", arguments)], width=10**6):
        delta = event.get("delta")
        told = [event] if delta is None else [{**event, "delta": part} for part in cut(delta, places)]
        events += [sse(each, each["type"]) for each in told]
    return events


def whole_calls(text: str, arguments: str, places: list[int]) -> list[Event]:
    """The same of Gemini, which never cuts a call."""
    said = [gemini.response({"text": part}) for part in cut(text, places)]
    called = gemini.response(gemini.call("f", json.loads(arguments), thoughtSignature=gemini.SIGNATURE), finish="STOP")
    return [sse(each) for each in (*said, called)]


def body(dialect: Dialect, text: str, arguments: str) -> list[Event]:
    if dialect is GEMINI:
        return [whole(gemini.answer(text, gemini.call("f", json.loads(arguments))))]
    if dialect is RESPONSES:
        return [whole(responses.response([responses.message(text), responses.call("call_1", "f", arguments)]))]
    if dialect is CHAT:
        call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}}
        return [whole({"choices": [{"index": 0, "message": {"content": text, "tool_calls": [call]}}]})]
    use = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": json.loads(arguments)}
    return [whole({"content": [{"type": "text", "text": text}, use]})]


def answer(dialect: Dialect, text: str, arguments: str, places: list[int] | None) -> list[Event]:
    """Streamed and cut, or (None) in one body."""
    if places is None:
        return body(dialect, text, arguments)
    if dialect is RESPONSES:
        return restated(text, arguments, places)
    if dialect is GEMINI:
        return whole_calls(text, arguments, places)
    return chat(text, arguments, places) if dialect is CHAT else messages(text, arguments, places)


def said(dialect: Dialect, events: Sequence[Event]) -> tuple[str, Any]:
    """The text and the arguments that a client reads; what it reads again is the same."""
    texts = {"text": "", "arguments": ""}
    for each in events:
        each.told = None
        for piece in dialect.pieces(each):
            kind = "arguments" if piece.json else "text"
            if piece.again and texts[kind]:
                assert texts[kind] == piece.text
            else:
                texts[kind] += piece.text
    return texts["text"], json.loads(texts["arguments"])


VALUES = st.sampled_from([CARD, SSN, IBAN, EMAIL])
PARTS = st.sampled_from([" ", ", ", " and ", "<", "<CARD_", "4111", "é", '"', "\\"])
TEXTS = st.lists(VALUES | PARTS | st.text(max_size=5), max_size=9)
PLACES = st.none() | st.lists(st.integers(0, 10_000), max_size=30)
DIALECTS = st.sampled_from([CHAT, MESSAGES, RESPONSES, GEMINI])


@settings(deadline=None, max_examples=150)
@given(DIALECTS, TEXTS.map("".join), TEXTS.map("".join), PLACES, st.sampled_from(["shadow", "single", "alert"]))
def test_where_nothing_is_done_every_byte_leaves_at_once(
    dialect: Dialect, text: str, argument: str, places: list[int] | None, policy: str
) -> None:
    async def run() -> dict[str, object]:
        made, stage = exchange(dialect, policy), InspectResponse(policies(), Dlp(), Vault(1, 1))
        made.document = {}
        guard = stage.guard(made)
        assert guard is not None
        for each in answer(dialect, text, json.dumps({"a": argument}), places):
            raw = each.raw
            assert list(guard.feed([each])) == [each]
            assert each.raw is raw
        assert await passed(guard) == []
        await stage.settle(made)
        return counts(made)

    async def enforced() -> dict[str, object]:
        made, stage = exchange(dialect, "enforce"), InspectResponse(policies(), Dlp(), Vault(1, 1))
        made.document = {}
        guard = stage.guard(made)
        assert guard is not None
        await passed(guard, answer(dialect, text, json.dumps({"a": argument}), places))
        await stage.settle(made)
        return counts(made)

    assert asyncio.run(run()) == asyncio.run(enforced())


def counts(made: Exchange) -> dict[str, object]:
    (detail,) = [decision.detail for _, decision in made.decisions]
    return {key: value for key, value in detail.items() if key.startswith("rule:")}


def request(dialect: Dialect, text: str, argument: str) -> dict[str, Any]:
    if dialect is RESPONSES:
        made = responses.call("call_1", "f", {"a": argument})
        return {"model": "m", "input": [{"role": "user", "content": text}, made]}
    if dialect is GEMINI:
        model = {"role": "model", "parts": [gemini.call("f", {"a": argument})]}
        return {"contents": [{"role": "user", "parts": [{"text": text}]}, model]}
    if dialect is CHAT:
        call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"a": argument})}}
        said: list[dict[str, Any]] = [{"role": "user", "content": text}, {"role": "assistant", "tool_calls": [call]}]
        return {"model": "m", "messages": said}
    use = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": argument}}
    return {"model": "m", "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": [use]}]}


def of(dialect: Dialect, document: dict[str, Any]) -> tuple[str, str]:
    """The text and the argument of a request."""
    if dialect is RESPONSES:
        return document["input"][0]["content"], json.loads(document["input"][1]["arguments"])["a"]
    if dialect is GEMINI:
        first, second = (content["parts"][0] for content in document["contents"])
        return first["text"], second["functionCall"]["args"]["a"]
    first, second = document["messages"]
    if dialect is CHAT:
        return first["content"], json.loads(second["tool_calls"][0]["function"]["arguments"])["a"]
    return first["content"], second["content"][0]["input"]["a"]


@settings(deadline=None, max_examples=150)
@given(DIALECTS, TEXTS.map("".join), TEXTS.map("".join), PLACES, st.booleans())
def test_what_left_as_a_placeholder_comes_back_wherever_the_answer_is_cut(
    dialect: Dialect, text: str, argument: str, places: list[int] | None, ascii_only: bool
) -> None:
    async def run() -> None:
        vault, made = Vault(1, 1), exchange(dialect, "tokenise")
        del made.policy_version  # the stage writes it
        made.document = request(dialect, text, argument)
        await InspectPrompt(policies(), Server(), Documents(Dlp()), vault, 1_000).admit(made)
        told, given_argument = of(dialect, made.document)
        guard = InspectResponse(policies(), Dlp(), vault).guard(made)
        source = json.dumps({"a": given_argument}, ensure_ascii=ascii_only).replace("<", "\\u003c" if ascii_only else "<")
        events = answer(dialect, told, source, places)
        out = await passed(guard, *[[each] for each in events]) if guard is not None else events
        assert said(dialect, out) == (text, {"a": argument})

    asyncio.run(run())


@pytest.mark.parametrize("dialect", [CHAT, MESSAGES, RESPONSES, GEMINI])
async def test_every_offset(dialect: Dialect) -> None:
    text, argument = f"to {EMAIL}: {CARD}", f'"{CARD}"\n'
    for place in range(60):
        vault, made = Vault(1, 1), exchange(dialect, "tokenise")
        del made.policy_version  # the stage writes it
        made.document = request(dialect, text, argument)
        await InspectPrompt(policies(), Server(), Documents(Dlp()), vault, 1_000).admit(made)
        told, given_argument = of(dialect, made.document)
        assert told == "to <EMAIL_1>: <CARD_1>"
        guard = InspectResponse(policies(), Dlp(), vault).guard(made)
        assert guard is not None
        places = list(range(100)) if place == 59 else [place]
        out = await passed(guard, *[[each] for each in answer(dialect, told, json.dumps({"a": given_argument}), places)])
        assert said(dialect, out) == (text, {"a": argument})


GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "tokenising").glob("*.json"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
async def test_golden(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    dialect = next(each for each in (CHAT, MESSAGES, RESPONSES, GEMINI) if each.name == case["dialect"])
    vault, made = Vault(1, 1), exchange(dialect, "tokenise")
    del made.policy_version  # the stage writes it
    made.document = case["request"]
    await InspectPrompt(policies(), Server(), Documents(Dlp()), vault, 1_000).admit(made)
    assert json.dumps(made.document) == json.dumps(case["sent"])  # the order of keys too
    guard = InspectResponse(policies(), Dlp(), vault).guard(made)
    assert guard is not None
    if "body" in case:
        (body,) = await passed(guard, [whole(case["body"])])
        assert json.loads(body.raw) == case["received"]
    else:
        out = await passed(guard, *[[sse(document, name)] for name, document in case["answer"]])
        assert [[each.name, json.loads(each.data)] for each in out] == case["received"]
