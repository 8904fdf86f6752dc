from sluicegate.core.dialect import Piece
from sluicegate.core.event import Event
from sluicegate.dlp.hold import Holder
from sluicegate.dlp.restore import RestoringText, Values
from tests.support.guardrails import PlainDialect, event, read


class Restoring(Holder[RestoringText]):
    def _open(self, piece: Piece) -> RestoringText:
        return RestoringText(Values({"<A_1>": piece.channel}))

    def one(self, taken: Event) -> list[Event]:
        leaving: list[Event] = []
        self._hold([(taken, self._dialect.pieces(taken))])
        self._release(leaving)
        return leaving


def test_events_leave_in_order_when_all_their_text_is_decided() -> None:
    holder = Restoring(PlainDialect())  # type: ignore[arg-type]  # all it asks of a dialect
    first, second, third = event("<A", "x"), event("fine", "y"), event("_1>", "x")
    assert holder.one(first) == []
    assert holder.one(second) == []
    assert holder._held_bytes == len(first.raw) + len(second.raw)
    assert holder.one(third) == [first, second, third]
    assert read([first, second, third]) == {"x": "x", "y": "fine"}
    assert holder._held_bytes == 0


def test_the_end_decides_what_is_open() -> None:
    holder = Restoring(PlainDialect())  # type: ignore[arg-type]  # all it asks of a dialect
    cut = event("<A", "x")
    assert holder.one(cut) == []
    assert holder._rest() == [cut]
    assert read([cut]) == {"x": "<A"}


def test_what_several_events_bring_of_a_text_is_looked_at_in_one_go() -> None:
    holder = Restoring(PlainDialect())  # type: ignore[arg-type]  # all it asks of a dialect
    taken = [event("<A", "x"), event("fine", "y"), event("_1> and <A", "x"), event("", "x")]
    holder._hold([(one, holder._dialect.pieces(one)) for one in taken])
    assert [channel.length for channel in holder._channels.values()] == [12, 4]
    leaving: list[Event] = []
    holder._release(leaving)
    assert leaving == taken[:2]
    assert holder._rest() == taken[2:]
    assert read(taken) == {"x": "x and <A", "y": "fine"}
