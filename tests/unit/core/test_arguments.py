"""What a request says beside its body."""

import json
from collections.abc import Mapping
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.core.arguments import MAX_PARAMETERS, Arguments
from sluicegate.core.decision import Reason
from sluicegate.core.errors import InvalidRequest


def arguments(query: bytes = b"", **path: str) -> Arguments:
    return Arguments(path, query, {})


@given(st.dictionaries(st.text(min_size=1), st.lists(st.text(min_size=1), min_size=1, max_size=3), max_size=9))
def test_what_is_encoded_reads_as_it_was(said: Mapping[str, list[str]]) -> None:
    query = urlencode(said, doseq=True).encode()
    assert arguments(query).parameters() == said == parse_qs(query.decode())


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (b"", {}),
        (b"a=1&b=2&a=3", {"a": ["1", "3"], "b": ["2"]}),
        (b"a", {"a": [""]}),
        (b"a=b=c&&d=%3D+%2b", {"a": ["b=c"], "d": ["= +"]}),
        (b"include[]=x", {"include[]": ["x"]}),
    ],
)
def test_a_query(query: bytes, found: dict[str, list[str]]) -> None:
    assert arguments(query).parameters() == found


@pytest.mark.parametrize(
    "query", [b"a=%", b"a=%4", b"a=%zz", b"a=%ff", b"%c3=1", b"&".join([b"a=1"] * (MAX_PARAMETERS + 1))]
)
def test_a_query_that_is_refused(query: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        arguments(query).parameters()
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_FIELD, "query")


def test_the_arguments_as_a_body() -> None:
    said = arguments(b"limit=2&after=a&after=b&include[]=x", id="r-1")
    assert json.loads(said.body()) == {"id": "r-1", "limit": "2", "after": ["a", "b"], "include[]": ["x"]}
    with pytest.raises(InvalidRequest, match="what the path says"):
        arguments(b"id=r-2", id="r-1").body()
