"""Compare what your agent records with the truth: pytest test_08_compare_an_agent.py --vshop-telemetry=zero-code."""

import pytest

from vshop.conformance.instrumentation import measure
from vshop.shop.client import ShopClient
from vshop.shop.traces import TraceReader


@pytest.fixture(scope="module")
def report(virtual_shop_process):
    """One good order and four that fail, as the agent recorded them."""
    where = virtual_shop_process.addresses
    return measure(ShopClient(where), TraceReader(where.traces), print, calm_s=2)


def test_every_hop_has_a_span(report):
    """HTTP, Kafka and DynamoDB: an order passes seven hops."""
    assert [hop.hop for hop in report.hops if not hop.span] == []


def test_the_trace_is_not_cut_off(report):
    """Each span is below the span that caused it, or linked to it."""
    assert {hop.hop: hop.parent for hop in report.hops if hop.parent not in {"intact", "linked"}} == {}


def test_spans_have_the_kinds_of_the_conventions(report):
    """Such as PRODUCER for a sent record."""
    assert [hop.hop for hop in report.hops if hop.kind != hop.expected_kind] == []


def test_a_failed_write_is_an_error(report):
    """DynamoDB refuses the write of a broken order."""
    (write,) = [hop for hop in report.hops if hop.hop == "PutItem"]

    assert write.error == "yes"


def test_the_outcome_holds_whatever_the_agent_does(virtual_shop):
    """The answer, the stock and the dead letters need no span."""
    with virtual_shop.incident("stock-put-missing-key") as incident:
        order = virtual_shop.place_order(1)

        assert order.status == 202
        assert incident.verify(order)
