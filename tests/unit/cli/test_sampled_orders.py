"""``vshop order`` where traces are sampled: a missing trace is no fault of the shop."""

from types import SimpleNamespace

import pytest

from vshop.cli import orders
from vshop.shop.spans import Span
from vshop.shop.traces import Trace

TAIL = "sdk; traces are tail-sampled: SHOP_TAIL_SAMPLING=1"
HEAD = "sdk; traces are sampled away: OTEL_TRACES_SAMPLER=always_off; no logs: OTEL_LOGS_EXPORTER=none"
ENTRY = Span(
    trace_id="t" * 32,
    span_id="1" * 16,
    parent_id=None,
    service="orders",
    name="POST /orders",
    kind="SERVER",
    status="UNSET",
    status_message="",
    start_ns=1,
    end_ns=2,
    attributes={},
    events=[],
    links=[],
    resource={},
)


def seen(*, spans=(), missing=None):
    return SimpleNamespace(spans=spans, missing=missing, trace=Trace("t" * 32, list(spans)))


DROPPED, WHOLE = seen(missing="orders SERVER POST /orders"), seen(spans=[ENTRY])
CUT = seen(spans=[ENTRY], missing="stock-updater CONSUMER process")


class Observer:
    complete = True

    def __init__(self, mode, *observations):
        self.shop = SimpleNamespace(telemetry_mode=lambda: mode)
        self.clock = SimpleNamespace(poll=lambda condition, _timeout_s: any(condition() for _ in range(3)))
        self.observations = [*observations]
        self.reads = 0

    def observe_when_complete(self, _orders, _enough, _timeout_s):
        return self.observe(_orders)

    def observe(self, _orders):
        self.reads += 1
        return [self.observations.pop(0) if len(self.observations) > 1 else self.observations[0]]


def report(capsys, observer):
    order = SimpleNamespace(accepted=True, order_id="o", trace_id="t" * 32, trace_url="", status=202, body={})
    failed = orders._report(observer, [order], 15.0, as_json=False)
    return failed, " ".join(capsys.readouterr().out.split())


def test_a_dropped_trace_is_not_a_failure(capsys):
    failed, printed = report(capsys, Observer(TAIL, DROPPED))

    assert not failed
    assert printed.startswith(
        "The trace is not stored: traces are tail-sampled: SHOP_TAIL_SAMPLING=1. The metrics and `vshop stock`"
    )


def test_a_kept_trace_arrives_after_the_decision_and_is_drawn(capsys):
    failed, printed = report(capsys, Observer(TAIL, DROPPED, DROPPED, WHOLE))

    assert not failed
    assert "POST /orders" in printed
    assert "not stored" not in printed


def test_a_kept_trace_without_a_hop_is_a_failure(capsys):
    failed, printed = report(capsys, Observer(TAIL, CUT))

    assert failed
    assert "missing: stock-updater CONSUMER process" in printed


def test_nothing_is_awaited_where_the_services_sample(capsys):
    observer = Observer(HEAD, DROPPED)

    failed, printed = report(capsys, observer)

    assert (failed, observer.reads) == (False, 2)
    assert printed.startswith("The trace is not stored: traces are sampled away: OTEL_TRACES_SAMPLER=always_off.")


@pytest.mark.parametrize("mode", ["sdk", "none"])
def test_a_missing_trace_is_a_failure_where_nothing_samples(capsys, mode):
    failed, printed = report(capsys, Observer(mode, DROPPED))

    assert failed
    assert "missing: orders SERVER POST /orders" in printed
