"""Exercise 10: a service without tracing. It awards loyalty points for the newest order, and thanks the shopper.

Run it after an order: eval "$(vshop env)" sets the addresses that it reads. Then add tracing at the four places marked STEP.
"""

import json

from confluent_kafka import Message, Producer
from loyalty_kafka import KAFKA, POINTS, carrier, run, tracer
from opentelemetry import propagate
from opentelemetry.trace import SpanKind


def give_points(record: Message) -> None:
    """Calculate the points for an order, and send them to the topic of points."""
    # STEP 1: extract. Read the sender's trace context: pass carrier(record), the headers, to propagate.extract.
    # STEP 2: a span. Start a CONSUMER span around the lines below, as a child of the extracted context.
    order = json.loads(record.value())
    points = 10 * order["quantity"]
    # STEP 3: an attribute and an event. Set the points; from 50 points on, add "a good customer".
    headers: dict[str, str] = {}
    # STEP 4: inject. Write the context into the headers for the next consumer: propagate.inject(headers).
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
