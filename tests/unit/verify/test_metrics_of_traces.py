import msgspec
import pytest

from vshop.incidents.patterns import MetricMove
from vshop.incidents.verify.metric_match import Reading, metric_checks, read_metrics_of_traces

MOVE = msgspec.convert({"name": "shop.orders.placed", "moves": {"by": 1}}, MetricMove)


class Metrics:
    def __init__(self, traces, more=0):
        exemplars = [{"traceId": trace, "value": 1} for trace in traces]
        points = [
            {"time": 9_000_000, "value": 5, "exemplars": [{"traceId": "mine", "value": 1}]},
            {"time": 11_000_000, "value": 5 + len(traces) + more, "exemplars": exemplars},
        ]
        self.series = [{"service": "orders", "type": "sum", "attributes": {}, "points": points}]

    def metrics(self, _name, **_options):
        return self.series


@pytest.mark.parametrize(("traces", "moved"), [([], 0), (["mine"], 1), (["other"], 0), (["mine", "other", "mine"], 2)])
def test_only_measurements_in_the_traces_count(traces, moved):
    (reading,) = read_metrics_of_traces(Metrics(traces), [MOVE], 10.0, {"mine"})

    assert reading == Reading(moved, moved)


def test_measurements_without_a_trace_make_the_check_fail():
    readings = read_metrics_of_traces(Metrics(["mine"], more=2), [MOVE], 10.0, {"mine"})

    (check,) = metric_checks([MOVE], [Reading(0.0, 0.0)], readings)

    assert not check.ok
    assert "2 measurements name no trace" in check.seen


def test_a_histogram_counts_its_exemplars():
    shop = Metrics(["mine"])
    shop.series[0]["points"] = [{"time": 11_000_000, "count": 1, "exemplars": [{"traceId": "mine", "value": 0.004}]}]

    assert read_metrics_of_traces(shop, [MOVE], 10.0, {"mine"}) == [Reading(1.0, 1.0)]
