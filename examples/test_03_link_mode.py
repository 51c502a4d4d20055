"""An order as two linked traces, as the messaging conventions prefer."""

import pytest

from vshop.fixture import VirtualShop, Wanted, open_shop


@pytest.fixture(scope="module")
def linked_shop():
    """Start a shop with other settings. The fixture ``virtual_shop_options`` in a conftest.py does it for all tests."""
    with open_shop(Wanted(env={"SHOP_KAFKA_TRACE": "link"})) as process:
        yield VirtualShop(process)


def test_processing_is_a_trace_of_its_own(linked_shop):
    """It has a link to the span that sent the record."""
    order = linked_shop.place_order()

    sent = order.span(kind="PRODUCER")
    taken = order.span(kind="CONSUMER")

    assert taken.trace_id != order.trace_id
    assert taken.parent_id is None
    assert taken.links == [(sent.trace_id, sent.span_id)]


def test_the_trace_alone_holds_nothing_of_the_consumer(linked_shop):
    """The trace of the request ends at the topic."""
    order = linked_shop.place_order()
    assert order.trace

    assert {span.service for span in linked_shop.trace(order.trace_id).spans} == {"orders", "auth-stub"}
