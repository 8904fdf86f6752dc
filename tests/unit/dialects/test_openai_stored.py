"""What is asked about a stored answer."""

from collections.abc import Callable

import pytest

from sluicegate.core.arguments import Arguments
from sluicegate.core.dialect import Feature, Referring, SystemMode
from sluicegate.core.errors import InvalidRequest
from sluicegate.core.event import sse, whole
from sluicegate.core.usage import Usage
from sluicegate.dialects.openai_stored import StoredResponse
from tests.support import responses

Make = Callable[[Arguments], StoredResponse]


def arguments(query: bytes = b"", id: str = "resp_1abc") -> Arguments:
    return Arguments({"id": id}, query, {})


@pytest.mark.parametrize(
    ("make", "query", "method", "tail"),
    [
        (StoredResponse.got, b"", "GET", "/resp_1abc"),
        (StoredResponse.got, b"stream=true", "GET", "/resp_1abc?stream=true"),
        (
            StoredResponse.got,
            b"include%5B%5D=reasoning.encrypted_content&include%5B%5D=a.b",
            "GET",
            "/resp_1abc?include[]=reasoning.encrypted_content&include[]=a.b",
        ),
        (StoredResponse.deleted, b"", "DELETE", "/resp_1abc"),
        (StoredResponse.cancelled, b"", "POST", "/resp_1abc/cancel"),
        (
            StoredResponse.listed,
            b"limit=20&order=desc&after=msg_1",
            "GET",
            "/resp_1abc/input_items?limit=20&order=desc&after=msg_1",
        ),
    ],
)
def test_what_the_provider_is_called_with(make: Make, query: bytes, method: str, tail: str) -> None:
    dialect = make(arguments(query))
    assert isinstance(dialect, Referring)
    assert (dialect.id, dialect.method, dialect.tail) == ("resp_1abc", method, tail)
    ask = dialect.read({})
    assert (ask.model, ask.stream, ask.max_tokens) == ("", "stream=true" in tail, 0)
    assert ask.features == {Feature.STORED_STATE}


@pytest.mark.parametrize(
    "make", [StoredResponse.got, StoredResponse.deleted, StoredResponse.cancelled, StoredResponse.listed]
)
@pytest.mark.parametrize("id", ["resp/../x", "a b", "x" * 129, "re\u017fp"])
def test_an_id_that_can_be_none_is_unknown(make: Make, id: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make(arguments(id=id))
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("make", "query"),
    [
        (StoredResponse.got, b"starting_after=3"),
        (StoredResponse.got, b"stream=yes"),
        (StoredResponse.got, b"include=A%20b"),
        (StoredResponse.deleted, b"force=1"),
        (StoredResponse.listed, b"limit=0"),
    ],
)
def test_what_is_not_understood_is_not_sent_on(make: Make, query: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make(arguments(query))
    assert caught.value.status == 400


def test_nothing_is_asked_of_a_model_and_nothing_counts_twice() -> None:
    dialect = StoredResponse.got(arguments())
    body = responses.response([responses.call("call_1", "look", {})])
    known = Usage(estimated=True)
    for event in (whole(body), sse({"type": "response.completed", "response": body})):
        assert dialect.usage(event, known) is known
        assert not dialect.tool_calls(event)
        assert dialect.pieces(event)
    assert not dialect.bind_system({}, "ours", SystemMode.DROP).changed
    assert not dialect.spans({"id": "resp_1abc"}).spans
