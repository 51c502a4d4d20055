"""The seven hops that every order passes, and what instrumentation recorded of them.

Spans are compared by service, kind and subject, in the stable and the previous spelling of the conventions; names do not matter.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from vshop.kit.times import Clock
from vshop.shop.spans import Span
from vshop.shop.traces import TraceReader

Parent = Literal["intact", "linked", "cut off", "no parent span", ""]
"""``cut off``: both spans exist, but the child is neither below its parent nor linked to it."""
Recorded = Literal["yes", "no", "not tried", ""]

_HTTP_METHOD = ("http.request.method", "http.method")
_HTTP_STATUS = ("http.response.status_code", "http.status_code")
_SERVER = (_HTTP_METHOD, ("http.route",), ("url.path", "http.target", "http.url"), _HTTP_STATUS)
_CLIENT = (_HTTP_METHOD, ("url.full", "http.url"), _HTTP_STATUS)
_TOPIC = ("messaging.destination.name", "messaging.destination", "messaging.kafka.topic")
_TOPIC_NAME = "queuing.retail_site.new_orders"
_ABOUT_CODE = ("shop.", "code.", "_")
"""Attributes that do not say what a span records."""
_MESSAGING = (("messaging.system",), _TOPIC, ("messaging.operation.name", "messaging.operation.type", "messaging.operation"))
_DATABASE = (("db.system.name", "db.system"), ("db.operation.name", "db.operation", "rpc.method", "aws.operation"))


class Hop(msgspec.Struct, frozen=True):
    """A step of every order that instrumentation should record as a span.

    ``parent`` is the hop that causes it; empty for the caller. A candidate has one of the ``words``, in lower case, in its name or
    an attribute. ``attributes`` have several spellings. ``payload`` is a prefix. ``fails_in``: the incident whose order fails here.
    """

    id: str
    service: str
    kind: str
    parent: str
    words: tuple[str, ...]
    attributes: tuple[tuple[str, ...], ...]
    payload: str
    fails_in: str = ""


_USERS = ("/api/v2/users",)
_RECORD = (_TOPIC_NAME,)
_VALUE = "shop.kafka.value"
HOPS = (
    Hop("POST /orders", "orders", "SERVER", "", ("/orders",), _SERVER, "shop.http.", "pricing-division-by-zero"),
    Hop("GET user", "orders", "CLIENT", "POST /orders", _USERS, _CLIENT, "shop.http.", "auth-token-expired"),
    Hop("serve user", "auth-stub", "SERVER", "GET user", _USERS, _SERVER, "shop.http."),
    Hop("send record", "orders", "PRODUCER", "POST /orders", _RECORD, _MESSAGING, _VALUE, "orders-publish-failed"),
    Hop("process record", "stock-updater", "CONSUMER", "send record", _RECORD, _MESSAGING, _VALUE, "stock-put-missing-key"),
    Hop("GetItem", "stock-updater", "CLIENT", "process record", ("getitem",), _DATABASE, "shop.dynamodb."),
    Hop("PutItem", "stock-updater", "CLIENT", "process record", ("putitem",), _DATABASE, "shop.dynamodb.", "stock-put-missing-key"),
)


class HopReport(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What was recorded of one hop; all is empty without a span.

    ``error``: whether the failed order's span has status ERROR, an exception or ``error.type``; ``not tried`` if no incident lets
    this hop fail.
    """

    service: str
    hop: str
    span: str = ""
    parent: Parent = ""
    kind: str = ""
    expected_kind: str
    missing_attributes: list[str] = []
    payload: bool = False
    error: Recorded = ""
    span_id: str = ""
    trace_id: str = ""


_POLL_S = 1.0
"""A consumer's poll may begin so long before a window."""
Window = tuple[float, float]
"""Seconds since the epoch: when an order was placed and handled."""


def spans_when_calm(reader: TraceReader, clock: Clock, windows: Sequence[Window], calm_s: float) -> list[list[Span]]:
    """Return the spans of each window, once none has arrived for ``calm_s``. Raises TraceError.

    Without intact links, spans belong to an order by their time: nobody else may order. OpenTelemetry's batches wait 5 s:
    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#batch-span-processor
    """
    if not windows:
        return []
    begin, end = min(start for start, _ in windows), max(end for _, end in windows)
    number, changed = -1, clock.now()
    while True:
        ids = {one for service in reader.services() for one in reader.between(service, begin - _POLL_S, end)}
        spans = [span for one in sorted(ids) for span in reader.get(one).spans]
        # A consumer's span may begin with the poll that waited for the record.
        found = [[span for span in spans if span.end_ns >= start * 1e9 and span.start_ns <= end * 1e9] for start, end in windows]
        if sum(map(len, found)) != number:
            number, changed = sum(map(len, found)), clock.now()
        if clock.now() - changed >= calm_s:
            return found
        clock.sleep(min(0.5, calm_s))


def report_hops(
    spans: Sequence[Span], trace_ids: Collection[str], failed: Mapping[str, Sequence[Span]], hops: Sequence[Hop] = ()
) -> list[HopReport]:
    """Compare all spans of an order with the hops that it passed.

    ``trace_ids`` are those that the caller knows; without any, the first hop's parent is not judged. ``failed`` has, by hop, the
    spans of an order that failed there.
    """
    by_id = {span.span_id: span for span in spans}
    found = {hop.id: find(hop, spans) for hop in HOPS}
    reports = []
    for hop in hops or HOPS:
        span = found[hop.id]
        if span is None:
            reports.append(HopReport(service=hop.service, hop=hop.id, expected_kind=hop.kind))
            continue
        root: Parent = "intact" if span.trace_id in trace_ids else "cut off" if trace_ids else ""
        report = HopReport(
            service=hop.service,
            hop=hop.id,
            span=span.name,
            parent=_parent(span, found.get(hop.parent), by_id) if hop.parent else root,
            kind=span.kind,
            expected_kind=hop.kind,
            missing_attributes=[names[0] for names in hop.attributes if not any(name in span.attributes for name in names)],
            payload=any(name.startswith(hop.payload) for name in span.attributes),
            error=_error(hop, failed),
            span_id=span.span_id,
            trace_id=span.trace_id,
        )
        reports.append(report)
    return reports


def find(hop: Hop, spans: Iterable[Span]) -> Span | None:
    """Return the span that records a hop: by its kind, then the outermost and earliest."""
    candidates = [span for span in spans if span.service == hop.service and _names(hop, span)]
    # A span whose kind another hop of the service expects is that hop's span.
    taken = {other.kind for other in HOPS if other.service == hop.service and other.kind != hop.kind}
    candidates = [span for span in candidates if span.kind not in taken]
    return min(candidates, key=lambda span: (span.kind != hop.kind, span.start_ns), default=None)


def _names(hop: Hop, span: Span) -> bool:
    texts = [span.name, *(str(value) for key, value in span.attributes.items() if not key.startswith(_ABOUT_CODE))]
    plain = (text.lower().replace(f"{_TOPIC_NAME}.dlq", "") for text in texts)
    return any(word in text for text in plain for word in hop.words)


def _parent(span: Span, parent: Span | None, by_id: dict[str, Span]) -> Parent:
    if parent is None:
        return "no parent span"
    above, seen = by_id.get(span.parent_id or ""), {span.span_id}
    while above is not None and above.span_id not in seen:
        if above.span_id == parent.span_id:
            return "intact"
        seen.add(above.span_id)
        above = by_id.get(above.parent_id or "")
    return "linked" if (parent.trace_id, parent.span_id) in span.links else "cut off"


def _error(hop: Hop, failed: Mapping[str, Sequence[Span]]) -> Recorded:
    if hop.id not in failed:
        return "not tried"
    span = find(hop, failed[hop.id])
    if span is None:
        return "no"
    return "yes" if span.status == "ERROR" or span.exceptions or "error.type" in span.attributes else "no"
