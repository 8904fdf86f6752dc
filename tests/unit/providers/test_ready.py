from sluicegate.core.event import whole
from sluicegate.providers.ready import Ready


async def test_it_is_read_once() -> None:
    event = whole({"ok": True})
    async with Ready(event) as answer:
        assert (answer.status, answer.headers) == (200, {})
        assert await answer.read() == (event,)
        assert await answer.read() == ()
