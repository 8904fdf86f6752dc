from collections.abc import Sequence

from sluicegate.core.event import Event
from sluicegate.dlp.chain import Chain
from tests.support.guardrails import event, passed


class Late:
    """Lets everything leave one event late, and ends with a word of its own."""

    def __init__(self, word: str) -> None:
        self._word = word
        self._held: list[Event] = []

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        waiting = [*self._held, *events]
        self._held = waiting[-1:]
        return waiting[:-1]

    def flush(self) -> Sequence[Event]:
        return [*self._held, event(self._word)]


class Waiting(Late):
    async def flush(self) -> Sequence[Event]:  # type: ignore[override]  # as the protocol allows
        return super().flush()


def words(events: Sequence[Event]) -> str:
    return "".join(each.document[0]["text"] for each in events)


async def test_each_rest_passes_on_through_the_guards_after_it() -> None:
    chain = Chain([Waiting("x"), Late("y"), Late("z")])
    assert words(chain.feed([event("a")])) == ""
    assert words(chain.feed([event("b"), event("c"), event("d")])) == "a"
    assert words(await chain.flush()) == "bcdxyz"
    assert words(await passed(Chain([Late("y"), Waiting("z")]), [event("a")])) == "ayz"
    assert words(await Chain([Late("z")]).flush()) == "z"
