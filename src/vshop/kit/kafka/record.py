"""A Kafka record as plain data, its attributes on spans, and the trace context, baggage and incidents in its headers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from confluent_kafka import Message
from opentelemetry import context, metrics, propagate, trace
from opentelemetry.trace import Span, SpanContext

from vshop.kit.chaos.baggage import HEADER, outgoing_headers
from vshop.kit.telemetry.dialects import spell

log = logging.getLogger(__name__)

Headers = list[tuple[str, bytes]]

MAX_RECORD_BYTES = 10_000_000
"""Above a broker's default, so that the broker refuses large records."""

_CONTEXT_HEADERS = frozenset(
    {"traceparent", "tracestate", "baggage", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"}
    | {"uber-trace-id", "x-amzn-trace-id"}
)
_JAEGER_BAGGAGE = "uberctx-"
_SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Record(NamedTuple):
    """One record; ``time_ms`` since the epoch."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    time_ms: int

    def header(self, name: str) -> str | None:
        """Return a header as text, or None. Of several values, the last hop wrote the last one."""
        value = dict(self.headers).get(name)
        return None if value is None else value.decode(errors="backslashreplace")

    def place(self) -> dict[str, Any]:
        """Return partition and offset as attributes."""
        return spell(
            "messaging", {"messaging.destination.partition.id": str(self.partition), "messaging.kafka.offset": self.offset}
        )


def to_record(message: Message) -> Record:
    """Convert the library's message. Leaves out headers without a value, and all if a name is not UTF-8."""
    try:
        headers = message.headers() or []
    except (SystemError, UnicodeDecodeError) as error:  # raised for a name that is not UTF-8; it would end the consumer
        log.warning(
            "the headers of record %s-%s cannot be read: %s", message.partition(), message.offset(), error.__cause__ or error
        )
        headers = []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        headers=[(name, _bytes(value) or b"") for name, value in pairs if value is not None],
        time_ms=message.timestamp()[1],
    )


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


def operation(name: str, topic: str, **attributes: Any) -> dict[str, Any]:
    """Return the attributes of an operation's span and metrics."""
    common = {"messaging.system": "kafka", "messaging.destination.name": topic}
    return spell("messaging", {**common, "messaging.operation.name": name, "messaging.operation.type": name, **attributes})


def describe(span: Span, key: bytes | None, value: bytes | None, **attributes: Any) -> None:
    """Set the key, the size of the value, and more. A null key sets no attribute, as the semantic conventions require."""
    span.set_attributes(spell("messaging", {**attributes, "messaging.message.body.size": len(value or b"")}))
    if key is not None:
        span.set_attribute("messaging.kafka.message.key", key.decode(errors="backslashreplace"))


def histogram_of_seconds(name: str, description: str) -> metrics.Histogram:
    """Make the histogram of an operation's duration."""
    meter = metrics.get_meter("vshop.kafka")
    return meter.create_histogram(name, "s", description, explicit_bucket_boundaries_advisory=_SECONDS_BUCKETS)


def is_context_header(name: str) -> bool:
    """Return whether a header holds trace context or baggage, in any propagator's format."""
    lower = name.lower()
    if lower in _CONTEXT_HEADERS or lower.startswith(_JAEGER_BAGGAGE):
        return True
    return any(lower == field.lower() for field in propagate.get_global_textmap().fields)


def inject(headers: Headers | None, *, trace_context: bool = True) -> Headers:
    """Return a copy of the headers in which the current trace context, baggage and incidents replace any others.

    ``trace_context`` is False if an agent adds trace context and baggage.
    """
    kept = [(name, content) for name, content in headers or [] if not is_context_header(name) and name != HEADER]
    added: dict[str, str] = {}
    if trace_context:
        propagate.inject(added)
    return kept + [(name, value.encode()) for name, value in (added | outgoing_headers()).items()]


def extract(headers: Headers) -> context.Context:
    """Return the trace and baggage in a record's headers, or an empty context. Of several values, the last hop wrote the last."""
    texts = {name: value.decode(errors="replace") for name, value in headers}
    return propagate.extract(texts, context=context.Context())


def extract_span_context(headers: Headers) -> SpanContext:
    """Return the span context in a record's headers, or an invalid one."""
    return trace.get_current_span(extract(headers)).get_span_context()


@contextmanager
def use_context(headers: Headers, *, new_trace: bool = False) -> Iterator[None]:
    """Use the context in the headers inside the block; of a new trace, only the baggage."""
    sent = extract(headers)
    token = context.attach(trace.set_span_in_context(trace.INVALID_SPAN, sent) if new_trace else sent)
    try:
        yield
    finally:
        context.detach(token)
