"""Laws of Bedrock's Converse: it reads back what it wrote, streaming changes nothing, and botocore takes its requests."""

import re
from typing import Any

import msgspec
import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.codecs import anthropic_messages, bedrock_answer, bedrock_converse, gemini, openai_chat, openai_responses
from sluicegate.codecs.conversation import (
    Answer,
    Choice,
    Conversation,
    Document,
    Image,
    Part,
    ToolCall,
    ToolResult,
    Turn,
    deltas,
)
from sluicegate.core.usage import Usage
from sluicegate.dialects.bedrock_converse import BedrockConverse
from tests.properties.test_translation_laws import answers, conversations, cut, plain, read


def sayable(conversation: Conversation) -> Conversation:
    """As much of a conversation as Converse can say."""
    turns_ = [
        msgspec.structs.replace(turn, parts=tuple(PICTURE if isinstance(p, Image) else p for p in turn.parts))
        if not any(isinstance(part, ToolResult) for part in turn.parts)
        else msgspec.structs.replace(turn, parts=tuple(_with_pictures(part) for part in turn.parts))
        for turn in conversation.turns
    ]
    return msgspec.structs.replace(
        conversation,
        model="",
        turns=tuple(turns_),
        choice=None if conversation.choice is Choice.NONE else conversation.choice,
        parallel=None,
        stream=False,
        user=None,
    )


PICTURE = Image(media_type="image/png", data="aGk=")


def _with_pictures(part: Part) -> Part:
    assert isinstance(part, ToolResult)
    return msgspec.structs.replace(part, parts=tuple(PICTURE if isinstance(p, Image) else p for p in part.parts))


@settings(deadline=None)
@given(conversation=conversations(everything=True).map(sayable))
def test_converse_decodes_what_it_encodes(conversation: Conversation) -> None:
    dropped: dict[str, None] = {}
    document = bedrock_converse.encode(conversation, dropped, 10)
    said = bedrock_converse.decode(document, dropped)
    names = [re.sub("[^a-z ]+", " ", p.name).strip() or "document" for p in _documents(conversation)]
    assert [p.name for p in _documents(said)] == names
    assert _unnamed(said) == _unnamed(conversation)
    assert not dropped


@settings(deadline=None)
@given(conversation=conversations(everything=True).map(sayable))
def test_botocore_takes_what_converse_encodes(conversation: Conversation) -> None:
    document = bedrock_converse.encode(conversation, {}, 10)
    shape = Session().get_service_model("bedrock-runtime").operation_model("Converse").input_shape
    report = ParamValidator().validate({"modelId": "m", **document}, shape)
    assert not report.has_errors(), report.generate_report()


def _documents(conversation: Conversation) -> list[Document]:
    return [part for turn in conversation.turns for part in turn.parts if isinstance(part, Document)]


def _unnamed(conversation: Conversation) -> Conversation:
    turns_ = [
        Turn(t.role, tuple(Document(p.data) if isinstance(p, Document) else p for p in t.parts)) for t in conversation.turns
    ]
    return msgspec.structs.replace(conversation, turns=tuple(turns_))


@settings(deadline=None)
@given(conversation=plain().map(sayable))
@pytest.mark.parametrize(
    "codec", [openai_chat, anthropic_messages, gemini, openai_responses], ids=lambda codec: codec.__name__
)
def test_there_and_back_through_converse(codec: Any, conversation: Conversation) -> None:
    if codec is openai_responses:  # it has no word for what stops an answer, and always says whether a tool is strict
        tools = tuple(msgspec.structs.replace(tool, strict=False) for tool in conversation.tools)
        conversation = msgspec.structs.replace(conversation, stop=(), tools=tools)
    there = bedrock_converse.decode(bedrock_converse.encode(conversation, {}, 10), {})
    back = codec.decode(codec.encode(there, {}, 10), {})
    assert _unnamed(back) == _unnamed(conversation)


@settings(deadline=None)
@given(data=st.data(), answer=answers())
def test_converse_streamed_equals_unstreamed(data: st.DataObject, answer: Answer) -> None:
    """It names neither answer nor model, and counts no reasoning."""
    usage = answer.usage or Usage()
    said = msgspec.structs.replace(answer, id="", model="", usage=msgspec.structs.replace(usage, reasoning=0))
    stream = bedrock_answer.StreamEncoder().feed(data.draw(cut(answer)))
    body = bedrock_answer.WholeEncoder().feed(deltas(answer))
    assert read(bedrock_answer.Decoder(), stream) == read(bedrock_answer.Decoder(), body) == said
    dialect = BedrockConverse()
    for events in (stream, body):
        known, finish, names = Usage(estimated=True), [], list[str]()
        for event in events:
            known = dialect.usage(event, known)
            finish += [reason for reason in [dialect.finish(event)] if reason]
            names += dialect.tool_calls(event)
        assert known == said.usage
        assert len(finish) == 1
        assert names == [part.name for part in answer.parts if isinstance(part, ToolCall)]
