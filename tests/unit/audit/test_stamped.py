import json
from pathlib import Path
from time import time_ns

import msgspec
import pytest

from sluicegate.audit.entry import Entry, Judged, Tokens, Try, canonical
from sluicegate.audit.stamped import decode, encode, missing, regressed, stamp
from sluicegate.core.exchange import Spend
from tests.support.auditing import intent, outcome, running, settings_in


def full() -> Entry:
    """An entry with something in every kind of member."""
    judged = msgspec.Raw(canonical(Judged(reason="r", stage="s", verdict="v", detail={"b": ["x"], "a": 1})))  # type: ignore[arg-type]
    return outcome(
        "a" * 32, organisation="o", decisions=[judged, judged], attempts=[Try("d", "ok")], tokens=Tokens(input=3), model="ä"
    )


def test_a_payload_gives_back_what_was_stamped() -> None:
    before = time_ns()
    stamped = [stamp(full(), [Spend("key:k", "2026-11-21", 1, 2)]), stamp(intent("b" * 32), ())]
    assert decode(encode(stamped)) == [stamped[0], msgspec.structs.replace(stamped[1], spend=[])]
    first = stamped[0]
    assert before <= first.at_ns == json.loads(first.body)["at_ns"]
    assert (first.kind, first.exchange, first.organisation) == ("outcome", "a" * 32, "o")


def test_what_has_no_bytes_is_not_stamped() -> None:
    with pytest.raises(UnicodeEncodeError):
        stamp(intent(model="\ud800"), ())


def test_what_is_no_payload_is_refused() -> None:
    for payload in (b"", b"x", encode([1])):
        with pytest.raises(ValueError, match=r".+"):
            decode(payload)


def test_an_entry_says_that_it_is_earlier_and_nothing_else_changes() -> None:
    body = stamp(full(), ()).body
    entry = full()
    entry.at_ns, entry.time_regressed = json.loads(body)["at_ns"], True
    assert regressed(body) == canonical(entry)
    assert json.loads(regressed(body)) == {**json.loads(body), "time_regressed": True}


async def test_what_the_log_holds_is_not_missing(tmp_path: Path) -> None:
    async with running(settings_in(tmp_path)) as at:
        entries = [intent() for _ in range(900)]
        for entry in entries[:5]:
            await at.log.append(entry)
        await at.log.settle()
        stamped = [stamp(entry, ()) for entry in entries] + [stamp(outcome(entries[0].exchange), ())]
        with at.database.connect() as connection:
            assert missing(connection, stamped) == stamped[5:]
