import pytest

from sluicegate.codecs.conversation import Broken, Ended, Finished, Said, Start, Stop
from sluicegate.codecs.gathered import Gathered
from sluicegate.core.errors import UpstreamError


def test_nothing_until_the_end_then_one_body() -> None:
    gathered = Gathered(lambda answer: {"id": answer.id, "parts": len(answer.parts)})
    assert gathered.feed([Start("a", "m"), Said("he"), Said("llo")]) == []
    [event] = gathered.feed([Finished(Stop.END), Ended()])
    assert (event.document, event.framed) == ({"id": "a", "parts": 1}, False)


def test_a_broken_answer_is_none() -> None:
    with pytest.raises(UpstreamError):
        Gathered(lambda _answer: {}).feed([Start("a", "m"), Broken("x")])
