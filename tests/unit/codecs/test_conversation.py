"""Deltas and whole answers are two forms of the same."""

from sluicegate.codecs.conversation import (
    Accumulator,
    Answer,
    Argued,
    Called,
    Said,
    Stop,
    Text,
    Thinking,
    Thought,
    ToolCall,
    deltas,
)
from sluicegate.core.usage import Usage


def test_an_answer_is_what_its_deltas_accumulate_to() -> None:
    answer = Answer(
        id="i",
        model="m",
        created=7,
        parts=(Thinking("Hm"), Text("a"), ToolCall("c1", "f", '{"x":1}'), ToolCall("c2", "g", "{}")),
        refusal="no",
        stop=Stop.TOOLS,
        sequence="END",
        usage=Usage(5, 2),
    )
    accumulator = Accumulator()
    accumulator.feed(deltas(answer))
    assert accumulator.answer() == answer


def test_neighbouring_text_is_one_part_and_calls_grow_by_slot() -> None:
    accumulator = Accumulator()
    accumulator.feed([Said("a"), Said("b"), Thought("c"), Said(""), Called(4, "c1", "f"), Called(9, "c2", "g")])
    accumulator.feed([Argued(9, "{"), Argued(4, "[]"), Argued(9, "}")])
    assert accumulator.answer().parts == (Text("ab"), Thinking("c"), ToolCall("c1", "f", "[]"), ToolCall("c2", "g", "{}"))
