from typing import Any

import pytest

from sluicegate.core.dialect import SystemMode
from sluicegate.core.errors import InvalidRequest, UnsupportedFeature
from sluicegate.core.event import sse, whole
from sluicegate.core.usage import Usage
from sluicegate.dialects.openai_completions import USUAL_TOKENS, OpenAICompletions

DIALECT = OpenAICompletions()


def test_what_is_asked() -> None:
    ask = DIALECT.read({"model": "m", "prompt": ["a", "b"], "n": 2, "best_of": 3, "max_tokens": 7, "stream": True})
    assert (ask.model, ask.stream, ask.max_tokens, ask.choices) == ("m", True, 7, 6)
    assert DIALECT.read({"model": "m", "prompt": [1, 2]}).choices == 1
    document = {"model": "m", "prompt": "a", "suffix": "b", "stop": ["c"], "user": "d", "echo": True, "later": "e"}
    assert {span.text for span in DIALECT.spans(document).spans} == {"a", "b", "c", "d", "e", "later"}
    assert DIALECT.spans({"prompt": [[1, 2]]}).unread == ["data"]


@pytest.mark.parametrize(
    "wrong", [{"prompt": None}, {"prompt": [1, "a"]}, {"stop": 1}, {"stream_options": 1}, {"n": 0}, {"models": ["x"]}]
)
def test_what_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        DIALECT.read({"model": "m", "prompt": "a", **wrong})


def test_a_use_case_with_a_system_prompt_is_not_served_without_it() -> None:
    with pytest.raises(UnsupportedFeature) as caught:
        DIALECT.bind_system({"prompt": "a"}, "Be kind.", SystemMode.APPEND)
    assert caught.value.field == "prompt"
    assert not DIALECT.bind_system({"prompt": "a"}, None, SystemMode.DROP).changed


def test_a_bound_is_what_the_api_takes_for_itself() -> None:
    assert DIALECT.bounded({"prompt": "a"}, 1_000)["max_tokens"] == USUAL_TOKENS
    assert DIALECT.bounded({"prompt": "a"}, 3)["max_tokens"] == 3


def test_texts_are_governed_and_usage_is_read() -> None:
    choice = {"text": "hello", "index": 0, "logprobs": None, "finish_reason": "stop"}
    event = whole({"id": "c", "choices": [choice], "usage": {"prompt_tokens": 2, "completion_tokens": 1}})
    assert [(piece.channel, piece.text) for piece in DIALECT.pieces(event)] == [("0.text", "hello")]
    assert DIALECT.usage(event, Usage()) == Usage(2, 1)
    assert (DIALECT.ended(event), DIALECT.finish(event)) == (True, "stop")
    assert not DIALECT.ended(sse({"choices": [{**choice, "finish_reason": None}]}))
