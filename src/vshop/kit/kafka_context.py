"""W3C trace context and baggage in the headers of Kafka records, and the attributes both ends share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import context, propagate, trace
from opentelemetry.propagators.textmap import Getter, Setter
from opentelemetry.trace import Span, SpanContext

from vshop.kit.kafka_record import Headers

CONTEXT_HEADERS = frozenset({"traceparent", "tracestate", "baggage"})
SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class _HeaderSetter(Setter[Headers]):
    def set(self, carrier: Headers, key: str, value: str) -> None:
        carrier.append((key, value.encode()))


class _HeaderGetter(Getter[Sequence[tuple[str, bytes]]]):
    """Reads record headers; of several values the last one counts, as it was written by the last hop."""

    def get(self, carrier: Sequence[tuple[str, bytes]], key: str) -> list[str] | None:
        values = [value for name, value in carrier if name == key]
        return [values[-1].decode(errors="replace")] if values else None

    def keys(self, carrier: Sequence[tuple[str, bytes]]) -> list[str]:
        return [name for name, _ in carrier]


_setter, _getter = _HeaderSetter(), _HeaderGetter()


def inject(headers: Headers | None) -> Headers:
    """Return the headers with the current trace context and baggage in place of any they held; the argument stays as it is."""
    outgoing = [(name, content) for name, content in headers or [] if name not in CONTEXT_HEADERS]
    propagate.inject(outgoing, setter=_setter)
    return outgoing


def extract(headers: Sequence[tuple[str, bytes]]) -> context.Context:
    """Return the context (trace and baggage) that a record's headers carry; an empty one when they carry none."""
    return propagate.extract(headers, context=context.Context(), getter=_getter)


def span_context(headers: Sequence[tuple[str, bytes]]) -> SpanContext:
    """Return the span that a record's headers name; an invalid one when they name none."""
    return trace.get_current_span(extract(headers)).get_span_context()


def put_key(span: Span, key: bytes | None) -> None:
    """Put a record's key on its span; a null key leaves no attribute, as the conventions ask."""
    if key is not None:
        span.set_attribute("messaging.kafka.message.key", key.decode(errors="backslashreplace"))


@contextmanager
def attached(headers: Sequence[tuple[str, bytes]]) -> Iterator[None]:
    """Make the context in the headers the current one inside the block."""
    token = context.attach(extract(headers))
    try:
        yield
    finally:
        context.detach(token)
