from prometheus_client.parser import text_string_to_metric_families

from sluicegate.insight.exposition import exposed
from sluicegate.insight.metrics import Metrics


def test_readings_are_read_anew_each_time_and_say_whether_they_only_grow() -> None:
    metrics, values = Metrics(), iter((1.0, 2.0))
    metrics.gauge("sluicegate_now", "What is now.", lambda: next(values))
    metrics.counter("sluicegate_ever", "What ever was.", lambda: 7.0)
    for expected in (1.0, 2.0):
        families = {each.name: each for each in text_string_to_metric_families(exposed(metrics).decode())}
        now, ever = families["sluicegate_now"], families["sluicegate_ever"]
        assert (now.type, now.documentation, now.samples[0].value) == ("gauge", "What is now.", expected)
        assert (ever.type, ever.samples[0].name, ever.samples[0].value) == ("counter", "sluicegate_ever_total", 7.0)
        assert "process_resident_memory_bytes" in families
