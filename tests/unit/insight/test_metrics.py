from prometheus_client.parser import text_string_to_metric_families

from sluicegate.core.decision import Decision, Detail, Reason, Verdict
from sluicegate.core.dialect import Ask
from sluicegate.core.exchange import Exchange, Outcome
from sluicegate.core.usage import Usage
from sluicegate.insight.exposition import exposed
from sluicegate.insight.metrics import MAX_SERIES, Metrics
from tests.support.exchanges import admitted, end, grant, target


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = exposed(metrics).decode()
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def answered(stream: bool = False) -> Exchange:
    exchange = admitted(grant(), Ask("a model the client made up", stream, 10))
    exchange.started = 100.0
    exchange.called = 100.002
    exchange.first_event = 101.0
    exchange.target = target("gpt")
    exchange.usage = Usage(input=50, output=10, cached=7)
    exchange.cost = 1_500_000_000
    end(exchange)
    return exchange


def test_an_answered_exchange_is_counted() -> None:
    metrics = Metrics()
    for _ in range(2):
        metrics.observe(answered(), 101.003)
    found = samples(metrics)
    labels = (("outcome", "answered"), ("place", "cloud"), ("reason", "allowed"), ("surface", "/v1/chat/completions"))
    assert found["sluicegate_exchanges_total", labels] == 2
    assert found["sluicegate_tokens_total", (("deployment", "gpt"), ("kind", "input"))] == 100
    assert found["sluicegate_tokens_total", (("deployment", "gpt"), ("kind", "cached"))] == 14
    assert found["sluicegate_cost_usd_total", (("deployment", "gpt"),)] == 3.0
    by = (("outcome", "answered"), ("surface", "/v1/chat/completions"))
    assert found["sluicegate_exchange_seconds_count", by] == 2
    assert round(found["sluicegate_own_seconds_sum", by], 6) == 0.010
    assert found["sluicegate_own_seconds_bucket", (("le", "0.0025"), *by)] == 0
    assert found["sluicegate_own_seconds_bucket", (("le", "0.005"), *by)] == 2
    assert found["sluicegate_own_seconds_bucket", (("le", "+Inf"), *by)] == 2
    assert found["sluicegate_first_event_seconds_sum", by] == 2.0
    assert b"made up" not in exposed(metrics)
    assert b"k" * 32 not in exposed(metrics)


def test_of_a_stream_only_the_time_before_the_call_is_the_gateways() -> None:
    metrics = Metrics()
    metrics.observe(answered(stream=True), 107.0)
    by = (("outcome", "answered"), ("surface", "/v1/chat/completions"))
    assert round(samples(metrics)["sluicegate_own_seconds_sum", by], 6) == 0.002


def test_a_refusal_is_the_gateways_own_time() -> None:
    metrics = Metrics()
    exchange = admitted(grant())
    exchange.started = 1.0
    end(exchange, Outcome.REFUSED, Reason.BUDGET_EXCEEDED)
    metrics.observe(exchange, 1.5)
    found = samples(metrics)
    assert found["sluicegate_own_seconds_sum", (("outcome", "refused"), ("surface", "/v1/chat/completions"))] == 0.5
    labels = (("outcome", "refused"), ("place", ""), ("reason", "budget_exceeded"), ("surface", "/v1/chat/completions"))
    assert found["sluicegate_exchanges_total", labels] == 1


def test_findings_are_counted_by_rule() -> None:
    metrics = Metrics()
    exchange = answered()
    detail: Detail = {"inspection": "ran", "rule:card": 3, "redacted": ("card",)}
    exchange.decisions.append(("s4_inspect_prompt", Decision(Verdict.REDACT, Reason.PROMPT_REDACTED, detail)))
    exchange.decisions.append(("s3_limit", Decision(Verdict.ALLOW, Reason.RESERVED, {"rule:no": 3})))
    metrics.observe(exchange, 101.0)
    found = {key: value for key, value in samples(metrics).items() if key[0] == "sluicegate_findings_total"}
    assert found == {("sluicegate_findings_total", (("rule", "card"), ("stage", "s4_inspect_prompt"))): 3}


def test_findings_are_counted_whatever_the_exchange_before_had() -> None:
    metrics = Metrics()
    for count in (None, None, 2, None, 2, 3):
        exchange = answered()
        detail: Detail = {"inspection": "ran"} if count is None else {"inspection": "ran", "rule:card": count}
        exchange.decisions.append(("s7_inspect_response", Decision(Verdict.ALLOW, Reason.ALLOWED, detail)))
        metrics.observe(exchange, 101.0)
    assert samples(metrics)["sluicegate_findings_total", (("rule", "card"), ("stage", "s7_inspect_response"))] == 7


def test_the_number_of_series_is_bounded() -> None:
    metrics = Metrics()
    for n in range(MAX_SERIES + 10):
        exchange = admitted(grant())
        exchange.target = target(f"d{n}")
        end(exchange)
        exchange.decisions.append(("s4_inspect_prompt", Decision(Verdict.FLAG, Reason.PROMPT_ALERTED, {f"rule:{n}": 1})))
        metrics.observe(exchange, exchange.started)
    found = samples(metrics)
    other = (("outcome", "other"), ("place", "other"), ("reason", "other"), ("surface", "other"))
    assert found["sluicegate_exchanges_total", other] == 10
    assert found["sluicegate_findings_total", (("rule", "other"), ("stage", "s4_inspect_prompt"))] == 10


def test_readings_are_taken_when_metrics_are_read() -> None:
    metrics, values = Metrics(), [5, 7]
    metrics.gauge("sluicegate_writer_queue", "Waiting.", lambda: values[0])
    metrics.counter("sluicegate_trace_rows_lost", "Dropped.", lambda: values[1])
    values[:] = [6, 8]
    found = samples(metrics)
    assert found["sluicegate_writer_queue", ()] == 6
    assert found["sluicegate_trace_rows_lost_total", ()] == 8
    assert ("process_resident_memory_bytes", ()) in found


async def test_what_is_served_is_what_was_counted() -> None:
    metrics = Metrics()
    metrics.observe(answered(), 101.003)
    assert b'sluicegate_exchanges_total{outcome="answered"' in await metrics.render()
