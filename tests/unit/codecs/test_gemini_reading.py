"""Fields of two names, and calls that results find again."""

import pytest

from sluicegate.codecs.gemini_reading import Calls, NamedTwice
from sluicegate.core.dialect import Json
from sluicegate.core.errors import UnsupportedFeature


def fields(**document: object) -> NamedTwice:
    return NamedTwice(document, "p", {})


def test_either_name_is_the_same_field() -> None:
    assert fields(inline_data=1).take("inlineData") == fields(inlineData=1).take("inlineData") == 1
    with pytest.raises(UnsupportedFeature) as caught:
        fields(some_field=1).close()
    assert caught.value.field == "p.someField"


def test_keys_of_what_a_client_wrote_stay() -> None:
    assert fields(args={"some_key": 1}).object("args") == {"some_key": 1}


def test_a_list_or_its_only_element() -> None:
    assert [each.path for each in fields(parts=[{}, {}]).each("parts")] == ["p.parts[0]", "p.parts[1]"]
    assert [each.path for each in fields(parts={}).each("parts")] == ["p.parts[0]"]
    assert fields().each("parts") == []
    for wrong in ("a", 5):
        with pytest.raises(UnsupportedFeature):
            fields(parts=wrong).each("parts")


def call(calls: Calls, name: str, id: str = "", **args: object) -> str:
    document: Json = {"name": name, "args": args}
    return calls.made(NamedTwice({**document, "id": id} if id else document, "p", {}), "").id


def result(calls: Calls, name: str, id: str = "") -> str:
    return calls.asked(fields(name=name, id=id))


def test_results_find_their_calls_by_id_or_by_name_and_order() -> None:
    calls = Calls()
    calls.turn()
    made = [call(calls, "a"), call(calls, "b"), call(calls, "a"), call(calls, "a", "own")]
    assert made == ["call_1_0", "call_1_1", "call_1_2", "own"]
    assert result(calls, "a", "own") == "own"
    assert [result(calls, "a"), result(calls, "a", "unknown"), result(calls, "b")] == ["call_1_0", "call_1_2", "call_1_1"]
    with pytest.raises(UnsupportedFeature):
        result(calls, "a")


def test_a_call_without_a_result_is_over_when_the_model_speaks_again() -> None:
    calls = Calls()
    calls.turn()
    call(calls, "a")
    calls.turn()
    assert call(calls, "a") == "call_2_0"
    assert result(calls, "a") == "call_2_0"


def test_arguments_in_pieces_cannot_be_said() -> None:
    with pytest.raises(UnsupportedFeature):
        Calls().made(fields(name="f", partialArgs=[{}]), "")
