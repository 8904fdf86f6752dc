import json
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from sluicegate.core.decision import ALLOWED, Decision, Reason, Verdict
from sluicegate.core.dialect import Ask
from sluicegate.core.exchange import Attempt, Exchange, Outcome
from sluicegate.core.usage import Usage
from sluicegate.insight.traces import TraceRows, Traces, row
from sluicegate.store.tables import trace
from tests.support.exchanges import KEY, TEAM, admitted, end, grant, target


class Queue:
    """Takes rows while it has room."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken: list[Any] = []

    def offer(self, batch: Any, item: Any) -> bool:
        if len(self.taken) >= self.room:
            return False
        self.taken.append(item)
        return True


def answered() -> Exchange:
    exchange = admitted(grant(), Ask("gpt-4o", True, 10))
    exchange.started, exchange.started_at = 100.0, 1_800_000_000.5
    exchange.called, exchange.first_event = 100.25, 100.5
    exchange.target = target("d")
    exchange.usage = Usage(input=50, output=10, cached=7, reasoning=3)
    exchange.cost = 12
    exchange.finish = "stop"
    exchange.attempts.append(Attempt("d", "answered"))
    exchange.decisions += [
        ("s1_authenticate", ALLOWED),
        ("s4_inspect_prompt", Decision(Verdict.REDACT, Reason.PROMPT_REDACTED, {"rule:card": 1})),
    ]
    end(exchange)
    return exchange


def stored(rows: Sequence[Any]) -> list[dict[str, Any]]:
    engine = create_engine("sqlite://")
    trace.create(engine)
    batch = TraceRows()
    with engine.begin() as connection:
        assert batch.apply(connection, rows) == [None] * len(rows)
        batch.committed()
        batch.rolled_back()
        found = [dict(found._mapping) for found in connection.execute(select(trace))]
    engine.dispose()
    return found


def test_a_row_says_who_what_where_and_how_long() -> None:
    exchange = answered()
    [found] = stored([row(exchange, 101.0), row(exchange, 102.0)])
    assert found == {
        "exchange_id": "e" * 32,
        "at_ns": 1_800_000_000_500_000_000,
        "organisation_id": "o" * 32,
        "team_id": TEAM,
        "use_case_id": "u" * 32,
        "key_id": KEY,
        "principal": "user:test",
        "surface": "/v1/chat/completions",
        "model": "gpt-4o",
        "deployment": "d",
        "place": "cloud",
        "stream": True,
        "outcome": "answered",
        "reason": "allowed",
        "input_tokens": 50,
        "output_tokens": 10,
        "cached_tokens": 7,
        "reasoning_tokens": 3,
        "nano_usd": 12,
        "latency_us": 1_000_000,
        "first_event_us": 500_000,
        "finish": "stop",
        "detail": {
            "attempts": [["d", "answered"]],
            "decisions": [["s4_inspect_prompt", "redact", "prompt_redacted", {"rule:card": 1}]],
        },
    }


def test_an_uneventful_exchange_has_its_attempts() -> None:
    rows = []
    for number, attempts in enumerate([(Attempt("d", "answered"),), (Attempt("e", "answered"), Attempt("f", "x")), ()]):
        exchange = answered()
        exchange.id = str(number)
        exchange.decisions[:] = [("s1_authenticate", ALLOWED)]
        exchange.attempts[:] = attempts
        rows.append(row(exchange, 101.0))
    assert [found["detail"] for found in stored(rows)] == [
        {"decisions": [], "attempts": [["d", "answered"]]},
        {"decisions": [], "attempts": [["e", "answered"], ["f", "x"]]},
        {"decisions": [], "attempts": []},
    ]


def test_an_answer_that_was_given_again_has_its_origin() -> None:
    exchange = answered()
    exchange.decisions[:] = [("s6_call", Decision(Verdict.ALLOW, Reason.CACHE_HIT, {"from": "e" * 32}))]
    exchange.attempts.clear()
    [found] = stored([row(exchange, 101.0)])
    assert found["detail"] == {"decisions": [["s6_call", "allow", "cache_hit", {"from": "e" * 32}]], "attempts": []}


def test_a_refusal_of_a_stranger_has_a_row() -> None:
    exchange = Exchange("f" * 32, admitted(grant()).dialect, admitted(grant()).arrival)
    exchange.started = 1.0
    end(exchange, Outcome.REFUSED, Reason.NO_CREDENTIAL)
    [found] = stored([row(exchange, 1.5)])
    assert (found["outcome"], found["reason"], found["latency_us"]) == ("refused", "no_credential", 500_000)
    assert found["key_id"] is found["model"] is found["stream"] is found["first_event_us"] is None


def test_what_is_no_name_is_no_text_in_a_trace() -> None:
    exchange = admitted(grant(), Ask("my secret plan\x00", False, 1))
    exchange.finish = "something the model said\n"
    end(exchange, Outcome.REFUSED, Reason.MODEL_NOT_ALLOWED)
    [found] = stored([row(exchange, exchange.started)])
    assert found["model"].startswith("sha256:")
    assert found["finish"] is None
    assert "secret" not in json.dumps(found)


def test_dropped_rows_are_counted_and_logged_once_per_burst(caplog: pytest.LogCaptureFixture) -> None:
    queue = Queue(1)
    traces = Traces(queue)
    exchange = answered()
    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            traces.offer(exchange, 101.0)
        assert [record.getMessage() for record in caplog.records] == [
            "trace rows are being dropped: the writer's queue is full"
        ]
        queue.room = 2
        traces.offer(exchange, 101.0)
    assert traces.dropped == 3
    assert vars(caplog.records[-1])["rows"] == 3
    assert len(caplog.records) == 2
