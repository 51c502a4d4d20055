"""Exercise 10: a service that nobody can see. It gives loyalty points for the newest order, and thanks the shopper.

Run it after an order. Then make it visible: the four places marked STEP are all it takes.
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

# Where spans go is said once, by OTEL_EXPORTER_OTLP_ENDPOINT, or it is http://127.0.0.1:4318.
provider = TracerProvider(resource=Resource.create({"service.name": "loyalty"}))
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("workshop")


def give_points(record: Message) -> None:
    """Take an order from the topic, reckon its points, pass them on."""
    # STEP 1: extract. Who sent this record, in which trace? carrier(record) holds its headers, as propagate.extract wants them.
    # STEP 2: a span. Start one around what follows, of kind CONSUMER, a child of what you extracted.
    order = json.loads(record.value())
    points = 10 * order["quantity"]
    # STEP 3: an attribute and an event. How many points? And when it is many: "a good customer".
    headers: dict[str, str] = {}
    # STEP 4: inject. So that the next one can extract: propagate.inject(headers).
    producer = Producer({"bootstrap.servers": KAFKA})
    producer.produce(POINTS, json.dumps({"username": order["username"], "points": points}), headers=list(headers.items()))
    producer.flush(10)


def say_thanks(record: Message) -> None:
    """Take points from their topic, and thank the shopper."""
    with tracer.start_as_current_span(f"process {POINTS}", context=propagate.extract(carrier(record)), kind=SpanKind.CONSUMER):
        thanks = json.loads(record.value())
        print(f"Dear {thanks['username']}, thank you: {thanks['points']} points.")  # noqa: T201


def carrier(record: Message) -> dict[str, str]:
    """Return a record's headers as text."""
    return {name: (value or b"").decode() for name, value in record.headers() or []}


def newest(topic: str) -> Message:
    """Read the record that was sent to a topic last."""
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
    with contextlib.suppress(KafkaException):  # it is there since the last time
        admin.create_topics([NewTopic(POINTS, 1, 1)])[POINTS].result()
    give_points(newest(ORDERS))
    say_thanks(newest(POINTS))
    provider.shutdown()
