"""Laws of translation: a codec reads back what it wrote, and streaming an answer changes nothing about it."""

import json
from collections.abc import Callable
from itertools import permutations
from typing import Any

import msgspec
import pytest
from anthropic.types import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from sluicegate.codecs import (
    anthropic_answer,
    anthropic_messages,
    gemini,
    gemini_answer,
    openai_answer,
    openai_chat,
    openai_responses,
    openai_responses_answer,
)
from sluicegate.codecs.conversation import (
    Accumulator,
    Answer,
    Choice,
    Conversation,
    Delta,
    Document,
    Image,
    Part,
    Said,
    Stop,
    Text,
    Thinking,
    Thought,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    deltas,
)
from sluicegate.core.dialect import Dialect, Json
from sluicegate.core.event import Event
from sluicegate.core.usage import Usage
from sluicegate.dialects.anthropic_messages import AnthropicMessages
from sluicegate.dialects.gemini import Gemini
from sluicegate.dialects.openai_chat import OpenAIChat
from sluicegate.dialects.openai_responses import OpenAIResponses

WORDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
NAMES = st.text("abcdefgh_", min_size=1, max_size=6)
TEXTS = st.builds(Text, WORDS)
IMAGES = st.builds(lambda d: Image(media_type="image/png", data=d), st.just("aGk=")) | st.builds(
    lambda n: Image(url=f"https://example.org/{n}"), NAMES
)
DOCUMENTS = st.builds(Document, st.just("aGk="), NAMES)
OBJECTS = st.dictionaries(NAMES, st.integers(-99, 99) | WORDS, max_size=3)
ARGUMENTS = OBJECTS.map(lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def _calls(draw: st.DrawFn, most: int = 3) -> list[ToolCall]:
    number = draw(st.integers(0, most))
    return [ToolCall(f"call_{i}", draw(NAMES), draw(ARGUMENTS)) for i in range(number)]


@st.composite
def turns(draw: st.DrawFn, *, everything: bool) -> tuple[Turn, ...]:
    """Turns in normal form; with `everything` also what only Anthropic can say of tool results."""
    out: list[Turn] = [Turn("user", tuple(draw(st.lists(TEXTS | IMAGES | DOCUMENTS, min_size=1, max_size=3))))]
    for _ in range(draw(st.integers(0, 3))):
        calls = _calls(draw)
        said: list[Part] = list(draw(st.lists(TEXTS, min_size=0 if calls else 1, max_size=2)))
        out.append(Turn("assistant", (*said, *calls)))
        if calls:
            inner = TEXTS | IMAGES if everything else TEXTS
            error = draw(st.booleans()) if everything else False
            results = (ToolResult(c.id, tuple(draw(st.lists(inner, min_size=1, max_size=2))), error) for c in calls)
            out.append(Turn("user", tuple(results)))
        if draw(st.booleans()):
            out.append(Turn("system", (draw(TEXTS),)))
        out.append(Turn("user", (draw(TEXTS),)))
    return tuple(out)


@st.composite
def conversations(draw: st.DrawFn, *, everything: bool) -> Conversation:
    """What both can say; with `everything` what Anthropic alone can, else what OpenAI alone can."""
    schema: dict[str, object] = {"type": "object", "properties": {}}
    made = [
        Tool(n, draw(st.none() | WORDS), schema, draw(st.none() | st.booleans())) for n in draw(st.sets(NAMES, max_size=2))
    ]
    choice = draw(st.none() | st.sampled_from(Choice)) if made else None
    parallel = draw(st.none() | st.booleans()) if made and choice is not Choice.NONE else None
    if everything and choice is None:
        parallel = None
    return Conversation(
        model="m",
        system=tuple(draw(st.lists(TEXTS, max_size=2))),
        turns=draw(turns(everything=everything)),
        tools=tuple(made),
        choice=choice,
        named_tool=made[0].name if choice is Choice.NAMED else "",
        parallel=parallel,
        max_tokens=draw(st.integers(1, 100)),
        temperature=draw(st.none() | st.sampled_from([0, 0.5, 1])),
        top_p=draw(st.none() | st.sampled_from([0.1, 1])),
        top_k=draw(st.none() | st.integers(1, 9)) if everything else None,
        stop=tuple(draw(st.lists(WORDS, max_size=4))),
        stream=draw(st.booleans()),
        schema=draw(st.none() | st.just(schema)),
        user=draw(st.none() | WORDS),
    )


@settings(deadline=None)
@given(conversation=conversations(everything=False))
def test_openai_decodes_what_it_encodes(conversation: Conversation) -> None:
    dropped: dict[str, None] = {}
    document = openai_chat.encode(conversation, dropped, 10)
    OpenAIChat().read(document)
    assert openai_chat.decode(document, dropped) == conversation
    assert not dropped


@settings(deadline=None)
@given(conversation=conversations(everything=True))
def test_anthropic_decodes_what_it_encodes(conversation: Conversation) -> None:
    dropped: dict[str, None] = {}
    document = anthropic_messages.encode(conversation, dropped, 10)
    AnthropicMessages().read(document)
    assert anthropic_messages.decode(document, dropped) == conversation
    assert not dropped


@st.composite
def plain(draw: st.DrawFn) -> Conversation:
    """What every dialect can say."""
    conversation: Conversation = draw(conversations(everything=False))
    turns = tuple(turn for turn in conversation.turns if turn.role != "system")
    return unstrict(structs.replace(conversation, turns=turns, parallel=None, user=None, stop=()))


def unstrict(conversation: Conversation) -> Conversation:
    """Without what is said of tools' strictness, for which not every dialect has a word."""
    return structs.replace(conversation, tools=tuple(structs.replace(tool, strict=None) for tool in conversation.tools))


@st.composite
def of_gemini(draw: st.DrawFn) -> Conversation:
    """What Gemini can say: also images and errors in results, texts before images; the path says the rest."""
    conversation: Conversation = draw(conversations(everything=True))
    turns = []
    for turn in conversation.turns:
        parts: list[Part] = []
        for part in turn.parts:
            if isinstance(part, ToolResult):
                part = structs.replace(part, parts=tuple(sorted(part.parts, key=lambda inner: isinstance(inner, Image))))
            elif isinstance(part, ToolCall):
                part = structs.replace(part, signature=draw(st.sampled_from(["", "c2ln"])))
            parts.append(part)
        if turn.role != "system":
            turns.append(Turn(turn.role, tuple(parts)))
    silent = {"model": "", "stream": False, "parallel": None, "user": None}
    return unstrict(structs.replace(conversation, turns=tuple(turns), **silent))


@settings(deadline=None)
@given(conversation=of_gemini())
def test_gemini_decodes_what_it_encodes(conversation: Conversation) -> None:
    dropped: dict[str, None] = {}
    document = gemini.encode(conversation, dropped, 10)
    Gemini("m").read(document)
    assert gemini.decode(document, dropped) == conversation
    assert not dropped


REQUESTS: list[Any] = [openai_chat, openai_responses, anthropic_messages, gemini]


@settings(deadline=None)
@given(conversation=plain())
@pytest.mark.parametrize("there", REQUESTS, ids=lambda codec: codec.__name__.rpartition(".")[2])
@pytest.mark.parametrize("back", REQUESTS, ids=lambda codec: codec.__name__.rpartition(".")[2])
def test_there_and_back_through_every_dialect(there: Any, back: Any, conversation: Conversation) -> None:
    dropped: dict[str, None] = {}
    said = there.decode(there.encode(conversation, dropped, 10), dropped)
    again = unstrict(back.decode(back.encode(said, dropped, 10), dropped))
    if gemini in (there, back):  # its path names the model and says whether the answer is streamed
        conversation = structs.replace(conversation, model=again.model, stream=again.stream)
    assert again == conversation
    assert not dropped


@settings(deadline=None)
@given(conversation=conversations(everything=False))
def test_there_and_back_through_the_other_dialect(conversation: Conversation) -> None:
    if conversation.parallel is not None and conversation.choice is None:  # said as an explicit `auto` there
        return
    dropped: dict[str, None] = {}
    there = anthropic_messages.decode(anthropic_messages.encode(conversation, dropped, 10), dropped)
    assert openai_chat.decode(openai_chat.encode(there, dropped, 10), dropped) == conversation


def without_stops(conversation: Conversation) -> Conversation:
    """What all can say: Responses knows no stop sequences, and a tool of its own is strict unless it says otherwise."""
    tools = tuple(msgspec.structs.replace(tool, strict=bool(tool.strict)) for tool in conversation.tools)
    return msgspec.structs.replace(conversation, stop=(), tools=tools)


@settings(deadline=None)
@given(conversation=conversations(everything=False))
def test_responses_decodes_what_it_encodes(conversation: Conversation) -> None:
    dropped: dict[str, None] = {}
    conversation = without_stops(conversation)
    document = openai_responses.encode(conversation, dropped, 10)
    OpenAIResponses().read(document)
    assert openai_responses.decode(document, dropped) == conversation
    assert not dropped


CONVERSATIONAL: dict[str, Any] = {"chat": openai_chat, "responses": openai_responses, "anthropic": anthropic_messages}


@settings(deadline=None)
@given(conversation=conversations(everything=False))
@pytest.mark.parametrize(("one", "other"), list(permutations(CONVERSATIONAL, 2)))
def test_there_and_back_between_any_two(one: str, other: str, conversation: Conversation) -> None:
    if conversation.parallel is not None and conversation.choice is None:  # said as an explicit `auto` by Anthropic
        return
    dropped: dict[str, None] = {}
    conversation = without_stops(conversation)
    between = conversation
    for codec in (CONVERSATIONAL[one], CONVERSATIONAL[other], CONVERSATIONAL[one]):
        between = codec.decode(codec.encode(between, dropped, 10), dropped)
        assert between == conversation
    assert not dropped


COUNTS = st.integers(0, 1_000)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """What both can say: one thought, one text, calls."""
    parts: list[Text | Thinking | ToolCall] = []
    if draw(st.booleans()):
        parts.append(Thinking(draw(WORDS)))
    if draw(st.booleans()):
        parts.append(draw(TEXTS))
    calls = _calls(draw)
    cached, written, reasoning = draw(COUNTS), draw(COUNTS), draw(COUNTS)
    return Answer(
        id="x1",
        model="m",
        parts=(*parts, *calls),
        stop=Stop.TOOLS if calls else draw(st.sampled_from([Stop.END, Stop.LENGTH, Stop.REFUSED])),
        usage=Usage(1 + draw(COUNTS) + cached + written, draw(COUNTS) + reasoning, cached, written, reasoning),
    )


@st.composite
def cut(draw: st.DrawFn, answer: Answer) -> list[Delta]:
    """The deltas of an answer, its texts cut anywhere."""
    out: list[Delta] = []
    for delta in deltas(answer):
        if isinstance(delta, Said | Thought) and len(delta.text) > 1:
            at = draw(st.integers(1, len(delta.text) - 1))
            out += [type(delta)(delta.text[:at]), type(delta)(delta.text[at:])]
        else:
            out.append(delta)
    return out


def read(decoder: Any, events: list[Event]) -> Answer:
    accumulator = Accumulator()
    for event in events:
        accumulator.feed(decoder.feed(event))
    return accumulator.answer()


CODECS: list[tuple[Any, Dialect]] = [
    (openai_answer, OpenAIChat()),
    (openai_responses_answer, OpenAIResponses()),
    (anthropic_answer, AnthropicMessages()),
    (gemini_answer, Gemini("m")),
]
IDS = ["openai", "responses", "anthropic", "gemini"]


@settings(deadline=None)
@given(data=st.data(), answer=answers())
@pytest.mark.parametrize(("codec", "dialect"), CODECS, ids=IDS)
def test_streamed_equals_unstreamed(codec: Any, dialect: Dialect, data: st.DataObject, answer: Answer) -> None:
    if codec is gemini_answer and answer.usage is not None:  # it has no word for what is written to a cache
        answer = structs.replace(answer, usage=structs.replace(answer.usage, cache_write=0))
    stream = codec.StreamEncoder().feed(data.draw(cut(answer)))
    body = codec.WholeEncoder().feed(deltas(answer))
    assert read(codec.Decoder(), stream) == read(codec.Decoder(), body) == answer
    assert [event for event in stream if dialect.ended(event)] == stream[-1:]
    assert all(dialect.ended(event) for event in body)
    for events in (stream, body):
        known = Usage(estimated=True)
        for event in events:
            known = dialect.usage(event, known)
        assert known == answer.usage


@settings(deadline=None)
@given(data=st.data(), answer=answers())
@pytest.mark.parametrize(("codec", "dialect"), CODECS, ids=IDS)
def test_what_is_inspected_is_the_same_streamed_or_not(
    codec: Any, dialect: Dialect, data: st.DataObject, answer: Answer
) -> None:
    def channels(events: list[Event]) -> dict[str, str]:
        joined: dict[str, str] = {}
        for event in events:
            for piece in dialect.pieces(event):
                if piece.again and piece.channel in joined:
                    assert joined[piece.channel] == piece.text
                    continue
                joined[piece.channel] = joined.get(piece.channel, "") + piece.text
        return {channel: text for channel, text in joined.items() if text not in ("", "{}")}

    stream = codec.StreamEncoder().feed(data.draw(cut(answer)))
    assert channels(stream) == channels(codec.WholeEncoder().feed(deltas(answer)))


@settings(deadline=None)
@given(data=st.data(), answer=answers())
def test_the_openai_sdk_accumulates_the_stream_to_the_body(data: st.DataObject, answer: Answer) -> None:
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for event in openai_answer.StreamEncoder().feed(data.draw(cut(answer)))[:-1]:
        state.handle_chunk(ChatCompletionChunk.model_validate_json(event.data))
    whole = ChatCompletion.model_validate(openai_answer.encode(answer))
    streamed = state.current_completion_snapshot
    assert streamed.choices[0].message.content == (whole.choices[0].message.content or "")
    assert streamed.choices[0].finish_reason == whole.choices[0].finish_reason
    assert streamed.usage == whole.usage
    calls = [c.function for c in streamed.choices[0].message.tool_calls or [] if c.type == "function"]
    expected = [c.function for c in whole.choices[0].message.tool_calls or [] if c.type == "function"]
    assert [(c.name, c.arguments) for c in calls] == [(c.name, c.arguments) for c in expected]


@settings(deadline=None)
@given(data=st.data(), answer=answers())
def test_the_responses_stream_is_as_the_sdk_types_it_and_ends_with_the_body(data: st.DataObject, answer: Answer) -> None:
    read_event: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    stream = openai_responses_answer.StreamEncoder().feed(data.draw(cut(answer)))
    told = [read_event.validate_json(event.data) for event in stream]
    assert [each.type for each in told] == [event.name for event in stream]
    assert [each.sequence_number for each in told] == list(range(len(told)))
    [body] = openai_responses_answer.WholeEncoder().feed(deltas(answer))
    assert stream[-1].document["response"] == body.document
    assert told[-1].response == Response.model_validate(body.document)
    held = [id(part) for each in stream for part in _objects(each.document)]
    assert len(held) == len(set(held))  # no event changes with another


def _objects(value: Any) -> list[Any]:
    """Every object below `value` that says something."""
    inner = list(value.values() if isinstance(value, dict) else value) if isinstance(value, dict | list) else []
    below = [found for each in inner for found in _objects(each)]
    return [value, *below] if isinstance(value, dict) and "text" in value else below


def accumulate(events: list[Json]) -> Json:
    """What the Anthropic SDK's accumulator does, as documented for raw streams."""
    message: Json = {}
    for event in events:
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                assert event["index"] == len(message["content"])
                message["content"].append({**event["content_block"], "json": ""})
            case "content_block_delta":
                block, delta = message["content"][event["index"]], event["delta"]
                for source, target in (("text", "text"), ("thinking", "thinking"), ("partial_json", "json")):
                    if source in delta:
                        block[target] += delta[source]
            case "content_block_stop":
                block = message["content"][event["index"]]
                source = block.pop("json")
                if source:
                    block["input"] = json.loads(source)
            case "message_delta":
                message.update(event["delta"])
                message["usage"] = event["usage"]
    return message


@settings(deadline=None)
@given(data=st.data(), answer=answers())
def test_the_anthropic_stream_accumulates_to_the_body(data: st.DataObject, answer: Answer) -> None:
    events = anthropic_answer.StreamEncoder().feed(data.draw(cut(answer)))
    assert [event.name for event in events] == [event.document["type"] for event in events]
    message = accumulate([json.loads(event.data) for event in events])
    body = anthropic_answer.encode(answer)
    assert message == body
    assert Message.model_validate(body).stop_reason == body["stop_reason"]


@settings(deadline=None)
@given(order=st.lists(st.integers(0, 2), min_size=1, max_size=30))
def test_interleaved_parallel_calls_keep_their_arguments(order: list[int]) -> None:
    texts = {slot: "".join(str(i % 10) for i, s in enumerate(order) if s == slot) for slot in range(3)}
    decoder, encoder = openai_answer.Decoder(), anthropic_answer.StreamEncoder()
    reader: Callable[[Event], list[Delta]] = anthropic_answer.Decoder().feed
    accumulator = Accumulator()

    def send(delta: Json, reason: str | None = None) -> None:
        data = json.dumps({"id": "i", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
        for event in encoder.feed(decoder.feed(Event(b"", data.encode()))):
            accumulator.feed(reader(event))

    for slot in range(3):
        send({"tool_calls": [{"index": slot, "id": f"call_{slot}", "function": {"name": "f", "arguments": ""}}]})
    for position, slot in enumerate(order):
        send({"tool_calls": [{"index": slot, "function": {"arguments": str(position % 10)}}]})
    send({}, "tool_calls")
    got = [(part.id, part.arguments) for part in accumulator.answer().parts if isinstance(part, ToolCall)]
    assert got == [(f"call_{slot}", texts[slot] or "{}") for slot in range(3)]
