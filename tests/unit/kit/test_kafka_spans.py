"""The spans around a record: sending it, and processing it in the order's trace or in one of its own."""

import json
import time

import pytest
from confluent_kafka import KafkaError, KafkaException
from opentelemetry import baggage, context
from opentelemetry.trace import SpanKind, StatusCode

from vshop.kit import kafka_sender
from vshop.kit.kafka_context import inject
from vshop.kit.kafka_processing import Processing
from vshop.kit.kafka_record import Record
from vshop.kit.kafka_sender import DeliveryError, Sender
from vshop.kit.payloads import Payloads
from vshop.kit.settings import Settings

TOPIC = "queuing.retail_site.new_orders"


@pytest.fixture
def process(tracer, exporter):
    """Send a record and process it in a mode; returns the sender's span and the processing one."""

    def run(mode, headers=None, handle=lambda: None, payloads="full"):
        settings = Settings(kafka_trace=mode, payloads=payloads)
        token = context.attach(baggage.set_baggage("tenant", "7"))
        with tracer.start_as_current_span("send") as sent:
            outgoing = inject([("shop", b"a")]) if headers is None else headers
        context.detach(token)
        record = Record(TOPIC, 2, 7, b"1", b'{"a": 1}', outgoing, int(time.time() * 1000) - 5000)
        with Processing(settings, Payloads(settings)).span(record):
            handle()
        return sent, exporter.get_finished_spans()[-1]

    return run


def test_as_a_child_it_joins_the_orders_trace(process):
    """Same trace, the sender's span its parent, no link."""
    sent, span = process("child")

    assert span.context.trace_id == sent.context.trace_id
    assert span.parent.span_id == sent.context.span_id
    assert list(span.links) == []


def test_as_a_link_it_is_a_trace_of_its_own(process):
    """New trace, no parent, one link to the sender's span."""
    sent, span = process("link")

    assert span.context.trace_id != sent.context.trace_id
    assert span.parent is None
    assert [(link.context.trace_id, link.context.span_id) for link in span.links] == [(sent.context.trace_id, sent.context.span_id)]


@pytest.mark.parametrize("mode", ["child", "link"])
@pytest.mark.parametrize("headers", [[], [("traceparent", b"garbage")]], ids=["none", "malformed"])
def test_without_a_context_it_begins_a_trace(process, mode, headers):
    """With neither parent nor link."""
    _, span = process(mode, headers)

    assert span.parent is None
    assert list(span.links) == []
    assert span.context.is_valid


@pytest.mark.parametrize("mode", ["child", "link"])
def test_baggage_holds_inside_the_block_and_not_after(process, mode):
    """In both modes."""
    seen = []

    process(mode, handle=lambda: seen.append(baggage.get_baggage("tenant")))

    assert seen == ["7"]
    assert context.get_current() == {}


def test_the_span_says_what_was_processed(process):
    """The messaging conventions' attributes, and ours."""
    _, span = process("child")

    attributes = dict(span.attributes)
    assert (span.name, span.kind) == (f"process {TOPIC}", SpanKind.CONSUMER)
    assert 5000 <= attributes.pop("shop.kafka.queue_time_ms") < 60_000
    headers = json.loads(attributes.pop("shop.kafka.headers"))
    assert headers["shop"] == "a"
    assert attributes == {
        "messaging.system": "kafka",
        "messaging.destination.name": TOPIC,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": "stock-updater",
        "messaging.destination.partition.id": "2",
        "messaging.kafka.offset": 7,
        "messaging.kafka.message.key": "1",
        "messaging.message.body.size": 8,
        "shop.kafka.value": '{"a": 1}',
    }


def test_metadata_mode_shows_no_payload(process):
    """Neither value nor headers."""
    _, span = process("child", payloads="metadata")

    assert not {"shop.kafka.value", "shop.kafka.headers"} & span.attributes.keys()


def test_a_failure_is_on_the_span_and_goes_on(process, exporter):
    """Recorded once; the context is put back."""
    with pytest.raises(ZeroDivisionError):
        process("child", handle=lambda: 1 / 0)

    span = exporter.get_finished_spans()[-1]
    assert span.status.status_code == StatusCode.ERROR
    assert [event.attributes["exception.type"] for event in span.events] == ["ZeroDivisionError"]
    assert span.attributes["error.type"] == "ZeroDivisionError"
    assert context.get_current() == {}


@pytest.fixture
def sender(broker, tracer):
    """A sender on the mock broker."""
    settings = Settings(kafka_bootstrap=broker)
    sender = Sender(settings, Payloads(settings), "orders")
    yield sender
    sender.close()


def test_sending_is_a_span_that_ends_with_the_acknowledgement(sender, exporter):
    """It names where the record lies."""
    record = sender.send("spans", b"order", b"1", [("shop", b"a")])

    (span,) = exporter.get_finished_spans()
    assert (span.name, span.kind, span.status.status_code) == ("send spans", SpanKind.PRODUCER, StatusCode.UNSET)
    assert dict(span.attributes) == {
        "messaging.system": "kafka",
        "messaging.destination.name": "spans",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.client.id": "orders",
        "messaging.message.body.size": 5,
        "messaging.kafka.message.key": "1",
        "shop.kafka.value": "order",
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": record.offset,
    }


def test_a_null_value_and_key_can_be_sent(sender, exporter):
    """A tombstone."""
    sender.send("spans", None, None)

    (span,) = exporter.get_finished_spans()
    assert span.attributes["messaging.message.body.size"] == 0
    assert "shop.kafka.value" not in span.attributes


def test_a_record_that_is_refused_at_once_is_surely_not_sent(sender, exporter):
    """Larger than the library itself allows."""
    with pytest.raises(DeliveryError) as caught:
        sender.send("spans", b"x" * 11_000_000, None)

    (span,) = exporter.get_finished_spans()
    assert (caught.value.refused, caught.value.error_type) == (True, "MSG_SIZE_TOO_LARGE")
    assert span.status.status_code == StatusCode.ERROR
    assert span.attributes["error.type"] == "MSG_SIZE_TOO_LARGE"
    assert isinstance(caught.value.__cause__, KafkaException)


def test_a_broker_that_is_away_leaves_it_unsure(tracer):
    """Within the time that was set."""
    settings = Settings(kafka_bootstrap="127.0.0.1:1", kafka_ack_timeout_s=0.2)
    sender = Sender(settings, Payloads(settings), "orders")
    started = time.monotonic()

    with pytest.raises(DeliveryError) as caught:
        sender.send("spans", b"order", None)

    sender.close()
    assert (caught.value.refused, caught.value.error_type) == (False, "_MSG_TIMED_OUT")
    assert time.monotonic() - started < 5


class ReportingProducer:
    """A producer whose every record fails in one way."""

    def __init__(self, code):
        self.code = code

    def __call__(self, *_arguments, **_more):
        """Be constructed."""
        return self

    def produce(self, *_arguments, on_delivery, **_more):
        """Fail at once."""
        if isinstance(self.code, Exception):
            raise self.code
        on_delivery(KafkaError(self.code), None)

    def poll(self, timeout):
        """Wait for reports."""
        time.sleep(timeout)

    def flush(self, _timeout):
        """Have nothing under way."""


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, True),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, True),
        (KafkaError._UNKNOWN_TOPIC, True),
        (KafkaError.NOT_ENOUGH_REPLICAS, True),
        (KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND, False),
        (KafkaError.REQUEST_TIMED_OUT, False),
        (KafkaError.NETWORK_EXCEPTION, False),
        (KafkaError._TRANSPORT, False),
        (KafkaError._MSG_TIMED_OUT, False),
        (BufferError("Local: Queue full"), True),
    ],
    ids=str,
)
def test_a_failure_says_whether_the_record_may_be_on_the_topic(monkeypatch, code, refused):
    """Written by too few replicas is written all the same."""
    monkeypatch.setattr(kafka_sender, "Producer", ReportingProducer(code))
    sender = Sender(Settings(), Payloads(Settings()), "orders")

    with pytest.raises(DeliveryError) as caught:
        sender.send("spans", b"order", None)

    sender.close()
    assert caught.value.refused is refused
