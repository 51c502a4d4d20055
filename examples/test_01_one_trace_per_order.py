"""An order is one trace: HTTP to auth, a record on Kafka, a write to DynamoDB."""


def test_an_order_is_one_trace(virtual_shop):
    """The answer to the order has the id of its trace."""
    order = virtual_shop.place_order(item_id=2, quantity=3)

    assert order.accepted
    assert {span.trace_id for span in order.spans} == {order.trace_id}
    assert [span.name for span in order.trace.roots] == ["POST /orders"]


def test_it_crosses_kafka(virtual_shop):
    """The consumer's span is a child of the producer's, and the parent of the write."""
    order = virtual_shop.place_order()

    sent = order.span(service="orders", kind="PRODUCER")
    taken = order.span(service="stock-updater", kind="CONSUMER")
    write = order.span(service="stock-updater", name="DynamoDB.PutItem")

    assert taken.parent_id == sent.span_id
    assert write.parent_id == taken.span_id
    assert sent.attributes["messaging.kafka.offset"] == taken.attributes["messaging.kafka.offset"]


def test_its_logs_carry_its_trace(virtual_shop):
    """The log records of an order are found by its trace id."""
    order = virtual_shop.place_order()

    records = virtual_shop.wait_for_logs(order, lambda found: {one["service"] for one in found} == {"orders", "stock-updater"})

    assert records[0]["body"].startswith("placing new order")
