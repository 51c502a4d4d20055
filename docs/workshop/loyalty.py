"""Exercise 10: a service without tracing. It awards loyalty points for the newest order, and thanks the shopper.

Run it after an order: eval "$(vshop env)" sets the addresses that it reads. Then add tracing at the four places marked STEP.
"""

import contextlib
import json
import os

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from opentelemetry import propagate
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind

KAFKA = os.environ.get("SHOP_KAFKA_BOOTSTRAP", "127.0.0.1:9092")
ORDERS, POINTS = "queuing.retail_site.new_orders", "loyalty.points"

# OTEL_EXPORTER_OTLP_ENDPOINT sets the receiver of spans; the default is http://127.0.0.1:4318.
provider = TracerProvider(resource=Resource.create({"service.name": "loyalty"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("workshop")


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


def carrier(record: Message) -> dict[str, str]:
    """Return a record's headers as text."""
    return {name: (value or b"").decode() for name, value in record.headers() or []}


def newest(topic: str) -> Message:
    """Return the newest record of a topic."""
    consumer = Consumer({"bootstrap.servers": KAFKA, "group.id": "loyalty", "enable.auto.commit": False})
    ends = []
    for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
        ends += [TopicPartition(topic, partition, high - 1)] if high > low else []
    consumer.assign(ends)
    records = [record for _ in ends if (record := consumer.poll(10)) is not None]
    consumer.close()
    return max(records, key=lambda record: record.timestamp()[1])


if __name__ == "__main__":
    admin = AdminClient({"bootstrap.servers": KAFKA})
    with contextlib.suppress(KafkaException):  # the topic exists already
        admin.create_topics([NewTopic(POINTS, 1, 1)])[POINTS].result()
    give_points(newest(ORDERS))
    say_thanks(newest(POINTS))
    provider.shutdown()
