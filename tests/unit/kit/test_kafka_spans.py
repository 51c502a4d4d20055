import json
import time

import pytest
from confluent_kafka import KafkaError, KafkaException
from opentelemetry import baggage, context
from opentelemetry.trace import SpanKind, StatusCode

from vshop.kit.chaos.baggage import requested_incidents, use_incidents
from vshop.kit.kafka import sender as kafka_sender
from vshop.kit.kafka.processing import Processing
from vshop.kit.kafka.record import Record, inject
from vshop.kit.kafka.sender import DeliveryError, Sender
from vshop.kit.settings import Settings
from vshop.kit.telemetry.api import Payloads

TOPIC = "queuing.retail_site.new_orders"


@pytest.fixture
def process(tracer, exporter):
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


def test_mode_child_joins_the_orders_trace(process):
    sent, span = process("child")

    assert span.context.trace_id == sent.context.trace_id
    assert span.parent.span_id == sent.context.span_id
    assert list(span.links) == []


def test_mode_link_starts_a_new_trace(process):
    sent, span = process("link")

    assert span.context.trace_id != sent.context.trace_id
    assert span.parent is None
    assert [(link.context.trace_id, link.context.span_id) for link in span.links] == [(sent.context.trace_id, sent.context.span_id)]


@pytest.mark.parametrize("mode", ["child", "link"])
@pytest.mark.parametrize("headers", [[], [("traceparent", b"garbage")]], ids=["none", "malformed"])
def test_a_record_without_context_starts_a_trace(process, mode, headers):
    _, span = process(mode, headers)

    assert span.parent is None
    assert list(span.links) == []
    assert span.context.is_valid


@pytest.mark.parametrize("mode", ["child", "link"])
def test_baggage_is_current_inside_the_block_only(process, mode):
    seen = []

    process(mode, handle=lambda: seen.append(baggage.get_baggage("tenant")))

    assert seen == ["7"]
    assert context.get_current() == {}


def test_attributes_of_the_process_span(process):
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
        "server.address": "127.0.0.1",
        "server.port": 9092,
        "shop.kafka.value": '{"a": 1}',
    }


def test_metadata_mode_shows_no_payload(process):
    _, span = process("child", payloads="metadata")

    assert not {"shop.kafka.value", "shop.kafka.headers"} & span.attributes.keys()


def test_an_exception_is_recorded_once_and_propagates(process, exporter):
    with pytest.raises(ZeroDivisionError):
        process("child", handle=lambda: 1 / 0)

    span = exporter.get_finished_spans()[-1]
    assert span.status.status_code == StatusCode.ERROR
    assert [event.attributes["exception.type"] for event in span.events] == ["ZeroDivisionError"]
    assert span.attributes["error.type"] == "ZeroDivisionError"
    assert context.get_current() == {}


@pytest.fixture
def sender(broker, tracer):
    settings = Settings(kafka_bootstrap=broker)
    sender = Sender(settings, Payloads(settings), "orders")
    yield sender
    sender.close()


def test_the_send_span_ends_with_the_acknowledgement(sender, exporter, broker):
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
        "server.address": broker.partition(":")[0],
        "server.port": int(broker.rpartition(":")[2]),
        "messaging.kafka.message.key": "1",
        "shop.kafka.value": "order",
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": record.offset,
    }


def test_a_null_value_and_key_can_be_sent(sender, exporter):
    sender.send("spans", None, None)

    (span,) = exporter.get_finished_spans()
    assert span.attributes["messaging.message.body.size"] == 0
    assert "shop.kafka.value" not in span.attributes


def test_a_record_above_the_producers_limit_is_refused(sender, exporter):
    with pytest.raises(DeliveryError) as caught:
        sender.send("spans", b"x" * 11_000_000, None)

    (span,) = exporter.get_finished_spans()
    assert (caught.value.refused, caught.value.error_type) == (True, "MSG_SIZE_TOO_LARGE")
    assert span.status.status_code == StatusCode.ERROR
    assert span.attributes["error.type"] == "MSG_SIZE_TOO_LARGE"
    assert isinstance(caught.value.__cause__, KafkaException)


def test_an_agent_makes_the_spans_and_adds_the_trace_context(broker, tracer, exporter, monkeypatch):
    injected = []
    monkeypatch.setattr(kafka_sender, "inject", lambda *given, **how: injected.append(inject(*given, **how)) or injected[-1])
    settings = Settings(kafka_bootstrap=broker)
    sender = Sender(settings, Payloads(settings, visible=False), "orders", own_spans=False)
    with tracer.start_as_current_span("POST /orders"), use_incidents({"baggage": "shop.chaos=orders-lost"}.get):
        record = sender.send("agent", b"order", b"1", [("shop", b"a")])._replace(headers=injected[0])
    sender.close()
    assert record.headers == [("shop", b"a"), ("x-shop-chaos", b"orders-lost")]

    processing = Processing(settings, Payloads(settings, visible=False), own_spans=False)
    with tracer.start_as_current_span("agent process"), processing.span(record):
        seen = requested_incidents()

    assert seen == ("orders-lost",)
    assert requested_incidents() == ()
    sent, processed = exporter.get_finished_spans()
    assert dict(sent.attributes) == {}
    assert list(processed.attributes) == ["shop.kafka.queue_time_ms"]


def test_an_incident_is_in_no_payload(process):
    _, span = process("child", [("x-shop-chaos", b"orders-lost"), ("baggage", b"shop.chaos=orders-lost,a=b")])

    assert json.loads(span.attributes["shop.kafka.headers"]) == {"baggage": "a=b"}


@pytest.mark.timing
def test_a_timeout_is_not_a_refusal(tracer, budget):
    settings = Settings(kafka_bootstrap="127.0.0.1:1", kafka_ack_timeout_s=0.2)
    sender = Sender(settings, Payloads(settings), "orders")
    started = time.monotonic()

    with pytest.raises(DeliveryError) as caught:
        sender.send("spans", b"order", None)

    sender.close()
    assert (caught.value.refused, caught.value.error_type) == (False, "_MSG_TIMED_OUT")
    assert time.monotonic() - started < budget(5)


def test_a_missing_report_is_not_a_refusal(monkeypatch):
    monkeypatch.setattr(kafka_sender, "Producer", ReportingProducer(None))
    sender = Sender(Settings(kafka_ack_timeout_s=0.01), Payloads(Settings()), "orders")

    with pytest.raises(DeliveryError, match=r"no acknowledgement within 0\.01 s") as caught:
        sender.send("spans", b"order", None)

    sender.close()
    assert (caught.value.refused, caught.value.error_type, caught.value.__cause__) == (False, "_MSG_TIMED_OUT", None)


class ReportingProducer:
    def __init__(self, code):
        self.code = code

    def __call__(self, *_arguments, **_more):
        return self

    def produce(self, *_arguments, on_delivery, **_more):
        if isinstance(self.code, Exception):
            raise self.code
        if self.code is not None:
            on_delivery(KafkaError(self.code), None)

    def poll(self, timeout):
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
        (KafkaError._PURGE_INFLIGHT, False),
        (KafkaError._PURGE_QUEUE, True),
        (KafkaError._FATAL, False),
        (KafkaError.UNKNOWN, False),
        (KafkaError.KAFKA_STORAGE_ERROR, False),
        (KafkaException(KafkaError(KafkaError._FATAL)), True),
        (BufferError("Local: Queue full"), True),
    ],
    ids=str,
)
def test_an_error_code_decides_whether_the_record_may_be_on_the_topic(monkeypatch, code, refused):
    monkeypatch.setattr(kafka_sender, "Producer", ReportingProducer(code))
    sender = Sender(Settings(), Payloads(Settings()), "orders")

    with pytest.raises(DeliveryError) as caught:
        sender.send("spans", b"order", None)

    sender.close()
    assert caught.value.refused is refused
