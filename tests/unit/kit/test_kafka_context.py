"""Trace context and baggage cross Kafka in record headers (W3C Trace Context, W3C Baggage)."""

import pytest
from opentelemetry import baggage, context, trace

from vshop.kit.kafka.record import Record, describe, extract, inject, to_record, use_context

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01".encode()


def test_inject_adds_the_current_context(tracer):
    token = context.attach(baggage.set_baggage("tenant", "seven 7"))
    with tracer.start_as_current_span("send") as span:
        headers = dict(inject([("shop", b"a")]))
    context.detach(token)

    ids = span.get_span_context()
    assert headers["traceparent"].decode() == f"00-{ids.trace_id:032x}-{ids.span_id:016x}-{ids.trace_flags:02x}"
    assert headers["shop"] == b"a"
    assert baggage.get_baggage("tenant", extract(list(headers.items()))) == "seven 7"


def test_inject_does_not_change_its_argument(tracer):
    """The caller may send the same list again."""
    given = [("traceparent", PARENT), ("shop", b"a")]
    with tracer.start_as_current_span("send"):
        inject(given)

    assert given == [("traceparent", PARENT), ("shop", b"a")]


def test_inject_replaces_context_headers(tracer):
    old = [("traceparent", PARENT), ("tracestate", b"a=1"), ("baggage", b"tenant=7"), ("traceparent", PARENT), ("shop", b"a")]
    with tracer.start_as_current_span("send"):
        names = [name for name, _ in inject(old)]

    assert sorted(names) == ["shop", "traceparent"]


def test_inject_without_a_context_adds_nothing():
    assert inject(None) == []
    assert inject([("traceparent", PARENT)]) == []


def _trace_id(headers):
    return f"{trace.get_current_span(extract(headers)).get_span_context().trace_id:032x}"


def test_extract_reads_the_last_of_several_headers():
    other = b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01"

    assert _trace_id([("traceparent", other), ("traceparent", PARENT)]) == TRACE
    assert Record("t", 0, 0, None, None, [("a", b"1"), ("a", b"2")], 0).header("a") == "2"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"garbage",
        b"\xff\xfe",
        PARENT[:-1],
        PARENT.replace(b"00-", b"ff-", 1),
        b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01",
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        PARENT.replace(b"a", b"z"),
        PARENT + b"-more",
    ],
    ids=ascii,
)
def test_a_malformed_parent_is_ignored(value):
    assert _trace_id([("traceparent", value)]) == "0" * 32


def test_an_unsampled_parent_stays_unsampled():
    flags = trace.get_current_span(extract([("traceparent", PARENT[:-2] + b"00")])).get_span_context().trace_flags

    assert not flags.sampled


def test_extract_ignores_the_current_context(tracer):
    with tracer.start_as_current_span("poll"):
        assert extract([("shop", b"a")]) == {}


def test_use_context_restores_the_context_after_the_block():
    seen = []

    def fail():
        with use_context([("traceparent", PARENT), ("baggage", b"tenant=7")]):
            seen.append(baggage.get_baggage("tenant"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert seen == ["7"]
    assert context.get_current() == {}


@pytest.mark.parametrize(("key", "shown"), [(b"1", "1"), (b"", ""), (b"\xff", "\\xff")])
def test_a_key_is_set_as_text(tracer, key, shown):
    with tracer.start_as_current_span("send") as span:
        describe(span, key, b"")

    assert span.attributes["messaging.kafka.message.key"] == shown


def test_a_null_key_sets_no_attribute(tracer):
    with tracer.start_as_current_span("send") as span:
        describe(span, None, b"")

    assert "messaging.kafka.message.key" not in span.attributes


class _ForeignHeaders:
    def headers(self):
        try:
            b"\xff".decode()
        except UnicodeDecodeError as error:
            raise SystemError("headers returned a result with an exception set") from error

    topic, partition, offset = (lambda _: "orders"), (lambda _: 1), (lambda _: 2)
    key, value, timestamp = (lambda _: b"1"), (lambda _: b"{}"), (lambda _: (1, 5))


def test_unreadable_headers_are_left_out():
    assert to_record(_ForeignHeaders()) == Record("orders", 1, 2, b"1", b"{}", [], 5)


@pytest.mark.parametrize("name", ["X-Amzn-Trace-Id", "x-b3-flags", "B3", "uber-trace-id", "uberctx-tenant", "traceparent"])
def test_a_record_that_is_sent_on_loses_the_context_of_every_propagator(name):
    """Two ids on one record would put it into two traces."""
    sent = inject([(name, b"old"), ("kept", b"1")])

    assert (name, b"old") not in sent
    assert ("kept", b"1") in sent
