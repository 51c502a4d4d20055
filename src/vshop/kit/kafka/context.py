"""W3C trace context, baggage and incidents in record headers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import context, propagate, trace
from opentelemetry.propagators.textmap import Getter, Setter
from opentelemetry.trace import Span, SpanContext

from vshop.kit.chaos.baggage import HEADER
from vshop.kit.chaos.carrier import outgoing_headers
from vshop.kit.kafka.record import Headers

_CONTEXT_HEADERS = frozenset(
    {"traceparent", "tracestate", "baggage", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-parentspanid", "x-b3-sampled", "x-b3-flags"}
    | {"uber-trace-id", "x-amzn-trace-id"}
)
_JAEGER_BAGGAGE = "uberctx-"
SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class _HeaderSetter(Setter[Headers]):
    def set(self, carrier: Headers, key: str, value: str) -> None:
        carrier.append((key, value.encode()))


class _HeaderGetter(Getter[Sequence[tuple[str, bytes]]]):
    """Of several values, the last hop wrote the last one."""

    def get(self, carrier: Sequence[tuple[str, bytes]], key: str) -> list[str] | None:
        values = [value for name, value in carrier if name == key]
        return [values[-1].decode(errors="replace")] if values else None

    def keys(self, carrier: Sequence[tuple[str, bytes]]) -> list[str]:
        return [name for name, _ in carrier]


_setter, _getter = _HeaderSetter(), _HeaderGetter()


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
    outgoing = [(name, content) for name, content in headers or [] if not is_context_header(name) and name != HEADER]
    if trace_context:
        propagate.inject(outgoing, setter=_setter)
    return [*outgoing, *((name, value.encode()) for name, value in outgoing_headers().items())]


def extract(headers: Sequence[tuple[str, bytes]]) -> context.Context:
    """Return the trace and baggage in a record's headers, or an empty context."""
    return propagate.extract(headers, context=context.Context(), getter=_getter)


def extract_span_context(headers: Sequence[tuple[str, bytes]]) -> SpanContext:
    """Return the span context in a record's headers, or an invalid one."""
    return trace.get_current_span(extract(headers)).get_span_context()


def set_key_attribute(span: Span, key: bytes | None) -> None:
    """Set the record's key. A null key sets no attribute, as the semantic conventions require."""
    if key is not None:
        span.set_attribute("messaging.kafka.message.key", key.decode(errors="backslashreplace"))


@contextmanager
def use_context(headers: Sequence[tuple[str, bytes]]) -> Iterator[None]:
    """Use the context in the headers inside the block."""
    token = context.attach(extract(headers))
    try:
        yield
    finally:
        context.detach(token)
