import msgspec
import pytest

from vshop.incidents import load_catalogue
from vshop.incidents.verify.batch import hop_of, with_hops
from vshop.incidents.verify.verdict import Verdict
from vshop.shop.traces import Trace

NAME = "stock-put-missing-key"
NO_HOP = {"send queuing.retail_site.new_orders.dlq", "DynamoDB.UpdateItem"}


class Reader:
    def __init__(self, spans):
        self.trace = Trace("t1", spans)

    def services(self):
        return ["orders"]

    def between(self, _service, _begin, _end):
        return ["t1"]

    def get(self, _trace_id):
        return self.trace


def verdict(mode):
    return Verdict(
        incident=NAME,
        scope="global",
        verified=True,
        seconds=1,
        on_at=1.0,
        off_at=3.0,
        telemetry=mode,
        telemetry_judged=mode == "sdk",
    )


def test_every_expected_span_of_the_catalogue_has_its_hop():
    without = {span.name for one in load_catalogue().values() for span in one.expect.spans if hop_of(span) is None}

    assert without == NO_HOP


def test_hops_are_found_missing_or_cut_off(make_span, clock):
    """The answer named no trace, so the first hop's parent is not judged; a span outside the order's time does not count."""
    topic = {"messaging.destination.name": "queuing.retail_site.new_orders"}
    times = {"start_ns": int(2e9), "end_ns": int(2.1e9)}
    spans = [
        make_span("1", attributes={"http.route": "/orders"}, **times),
        make_span("2", kind="PRODUCER", name="send", parent_id="1", attributes=topic, **times),
        make_span("3", service="stock-updater", kind="CONSUMER", trace_id="t2", attributes=topic, status="ERROR", **times),
        make_span("4", service="stock-updater", kind="CLIENT", name="PutItem", parent_id="3", start_ns=int(9e9), end_ns=int(9e9)),
    ]

    (found,) = with_hops([verdict("my-agent")], load_catalogue(), Reader(spans), clock)

    assert [(hop.hop, hop.span, hop.parent, hop.error) for hop in found.hops] == [
        ("POST /orders", "POST /orders", "", "not tried"),
        ("send record", "send", "intact", "not tried"),
        ("process record", "POST /orders", "cut off", "yes"),
        ("PutItem", "", "", ""),
    ]


@pytest.mark.parametrize("mode", ["none", "sdk"])
def test_without_an_agent_there_are_no_hops(clock, mode):
    given = verdict(mode)

    assert with_hops([given], load_catalogue(), None, clock) == [given]
    assert msgspec.to_builtins(given)["hops"] == []
