"""A cycle's short way, over plain ASGI."""

from typing import Any

from sluicegate.web.body import Source
from sluicegate.web.relay import Relay


async def test_an_answer_becomes_messages_and_its_head_leaves_with_its_first_piece() -> None:
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    relay = Relay(receive, send)
    relay.cancel_when_gone()
    source: Source = relay
    assert source.whole() is None
    assert not relay.disconnected
    assert await relay.receive() == {"type": "http.disconnect"}
    relay.begin(200, b"x-a: 1: 2\r\nx-b: \r\n", 2, None)
    assert messages == []
    await relay.write(b"one", False)
    await relay.write(b"", True)
    assert messages == [
        {"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"1: 2"), (b"x-b", b"")]},
        {"type": "http.response.body", "body": b"one", "more_body": True},
        {"type": "http.response.body", "body": b"", "more_body": False},
    ]
