import pytest

from sluicegate.core.exchange import Arrival
from sluicegate.core.provider import ClientHeader
from sluicegate.providers.travel import own_headers, travelling
from tests.support.calls import target

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TO = target(client_headers=(ClientHeader.ANTHROPIC_BETA, ClientHeader.OPENAI_PROJECT))


@pytest.mark.parametrize(
    ("name", "value", "travels"),
    [
        ("anthropic-beta", "context-management-2025-06-27,effort-2025-11-24", True),
        ("anthropic-beta", "my card is 4111", False),
        ("openai-project", "proj_1", True),
        ("openai-organization", "org-1", False),
        ("cookie", "a=b", False),
    ],
)
def test_what_the_provider_lists_and_reads_like_names(name: str, value: str, travels: bool) -> None:
    assert (name in travelling(TO, {name: value}, "e", same=True)) is travels
    assert travelling(TO, {name: value}, "e", same=False) == {"x-sluicegate-exchange": "e"}


def test_a_trace_travels_to_everyone() -> None:
    for same in (True, False):
        assert travelling(TO, {"traceparent": TRACE}, "e", same=same)["traceparent"] == TRACE
        assert "traceparent" not in travelling(TO, {"traceparent": "x"}, "e", same=same)


def test_a_virtual_key_goes_nowhere() -> None:
    raw = [(b"authorization", b"Bearer the-key"), (b"x-api-key", b"own"), (b"X-Sluicegate-Key", b"the-key")]
    arrival = Arrival("/v1/messages", "", {"x-sluicegate-key": "the-key"}, raw=raw)
    assert own_headers(arrival) == [(b"x-api-key", b"own")]
