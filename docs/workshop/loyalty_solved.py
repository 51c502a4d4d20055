"""Solution of exercise 10: loyalty.py with a span, an attribute, an event, and a propagated trace context."""

import json

from confluent_kafka import Message, Producer
from loyalty_kafka import KAFKA, ORDERS, POINTS, carrier, run, tracer
from opentelemetry import propagate
from opentelemetry.trace import SpanKind


def give_points(record: Message) -> None:
    """Calculate the points for an order, and send them to the topic of points."""
    context = propagate.extract(carrier(record))
    with tracer.start_as_current_span(f"process {ORDERS}", context=context, kind=SpanKind.CONSUMER) as span:
        order = json.loads(record.value())
        points = 10 * order["quantity"]
        span.set_attribute("loyalty.points", points)
        if points >= 50:
            span.add_event("a good customer", {"loyalty.username": order["username"]})
        headers: dict[str, str] = {}
        propagate.inject(headers)
        producer = Producer({"bootstrap.servers": KAFKA})
        producer.produce(POINTS, json.dumps({"username": order["username"], "points": points}), headers=list(headers.items()))
        producer.flush(10)


def say_thanks(record: Message) -> None:
    """Read points from their topic, and thank the shopper."""
    with tracer.start_as_current_span(f"process {POINTS}", context=propagate.extract(carrier(record)), kind=SpanKind.CONSUMER):
        thanks = json.loads(record.value())
        print(f"Dear {thanks['username']}, thank you: {thanks['points']} points.")


if __name__ == "__main__":
    run(give_points, say_thanks)
