"""Trace context and baggage cross Kafka in record headers (W3C Trace Context, W3C Baggage)."""

import pytest
from opentelemetry import baggage, context, trace

from vshop.kit.kafka_context import attached, extract, inject, put_key
from vshop.kit.kafka_record import Record, read

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01".encode()


def test_the_current_context_goes_into_the_headers(tracer):
    """Trace, parent, and baggage."""
    token = context.attach(baggage.set_baggage("tenant", "seven 7"))
    with tracer.start_as_current_span("send") as span:
        headers = dict(inject([("shop", b"a")]))
    context.detach(token)

    ids = span.get_span_context()
    assert headers["traceparent"].decode() == f"00-{ids.trace_id:032x}-{ids.span_id:016x}-{ids.trace_flags:02x}"
    assert headers["shop"] == b"a"
    assert baggage.get_baggage("tenant", extract(list(headers.items()))) == "seven 7"


def test_the_callers_headers_stay_as_they_are(tracer):
    """A record that is sent again is sent from the same list."""
    given = [("traceparent", PARENT), ("shop", b"a")]
    with tracer.start_as_current_span("send"):
        inject(given)

    assert given == [("traceparent", PARENT), ("shop", b"a")]


def test_context_headers_are_replaced_not_added(tracer):
    """All three of them, also where the new context has none."""
    old = [("traceparent", PARENT), ("tracestate", b"a=1"), ("baggage", b"tenant=7"), ("traceparent", PARENT), ("shop", b"a")]
    with tracer.start_as_current_span("send"):
        names = [name for name, _ in inject(old)]

    assert sorted(names) == ["shop", "traceparent"]


def test_without_a_context_nothing_is_added():
    """And no headers are an empty list."""
    assert inject(None) == []
    assert inject([("traceparent", PARENT)]) == []


def _trace_id(headers):
    return f"{trace.get_current_span(extract(headers)).get_span_context().trace_id:032x}"


def test_of_several_the_last_one_counts():
    """It was written by the last hop."""
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
def test_a_malformed_parent_is_no_parent(value):
    """Neither is it an error; the next span begins a trace."""
    assert _trace_id([("traceparent", value)]) == "0" * 32


def test_an_unsampled_parent_stays_unsampled():
    """The flag goes along."""
    flags = trace.get_current_span(extract([("traceparent", PARENT[:-2] + b"00")])).get_span_context().trace_flags

    assert not flags.sampled


def test_the_readers_own_context_is_not_mixed_in(tracer):
    """A record without context has none."""
    with tracer.start_as_current_span("poll"):
        assert extract([("shop", b"a")]) == {}


def test_the_context_holds_inside_the_block_only():
    """Also when the block fails."""
    seen = []

    def fail():
        with attached([("traceparent", PARENT), ("baggage", b"tenant=7")]):
            seen.append(baggage.get_baggage("tenant"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert seen == ["7"]
    assert context.get_current() == {}


@pytest.mark.parametrize(("key", "shown"), [(b"1", "1"), (b"", ""), (b"\xff", "\\xff")])
def test_a_key_is_on_the_span_as_text(tracer, key, shown):
    """Escaped where it is none."""
    with tracer.start_as_current_span("send") as span:
        put_key(span, key)

    assert span.attributes["messaging.kafka.message.key"] == shown


def test_a_null_key_leaves_no_attribute(tracer):
    """As the conventions ask."""
    with tracer.start_as_current_span("send") as span:
        put_key(span, None)

    assert "messaging.kafka.message.key" not in span.attributes


class _ForeignHeaders:
    """A message with a header whose name is no UTF-8, as confluent-kafka hands it out."""

    def headers(self):
        """Fail as the library does."""
        try:
            b"\xff".decode()
        except UnicodeDecodeError as error:
            raise SystemError("headers returned a result with an exception set") from error

    topic, partition, offset = (lambda _: "orders"), (lambda _: 1), (lambda _: 2)
    key, value, timestamp = (lambda _: b"1"), (lambda _: b"{}"), (lambda _: (1, 5))


def test_headers_that_cannot_be_read_are_left_out():
    """The record is handled all the same."""
    assert read(_ForeignHeaders()) == Record("orders", 1, 2, b"1", b"{}", [], 5)
