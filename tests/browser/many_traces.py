import os
import time
from collections import defaultdict
from typing import Any

import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

TOPIC = "queuing.retail_site.new_orders"
_AT_ONCE = 500
_PAYLOAD = '{"itemId": 1, "padding": "' + "x" * 200 + '"}'
_DB = {"db.collection.name": "item-stock", "db.system": "dynamodb", "shop.dynamodb.request": _PAYLOAD}
_KAFKA = {"messaging.destination.name": TOPIC, "shop.kafka.value": _PAYLOAD}
# service, index of the parent, name, kind, start and duration in ms, attributes
_SPANS: tuple[tuple[str, int | None, str, int, int, int, dict[str, Any]], ...] = (
    ("orders", None, "POST /orders", 2, 0, 20, {"http.response.status_code": 202, "shop.http.request.body": _PAYLOAD}),
    ("orders", 0, "GET", 3, 1, 5, {"http.response.status_code": 200}),
    ("auth-stub", 1, "GET /api/v2/users/<user_id>", 2, 2, 3, {"http.response.status_code": 200}),
    ("orders", 0, f"send {TOPIC}", 4, 8, 10, _KAFKA),
    ("stock-updater", 3, f"process {TOPIC}", 5, 20, 20, _KAFKA),
    ("stock-updater", 4, "DynamoDB.GetItem", 3, 21, 4, _DB),
    ("stock-updater", 4, "DynamoDB.PutItem", 3, 26, 10, _DB),
)


def send(url: str, count: int) -> None:
    """Send ``count`` traces over OTLP. The last one ends about now; every twentieth has an error."""
    began = time.time_ns()
    for first in range(0, count, _AT_ONCE):
        spans: dict[str, list[Span]] = defaultdict(list)
        for number in range(first, min(first + _AT_ONCE, count)):
            for service, span in _trace(number, began - (count - number) * 20_000_000):
                spans[service].append(span)
        groups = [
            ResourceSpans(
                resource=Resource(attributes=_attributes({"service.name": service})), scope_spans=[ScopeSpans(spans=some)]
            )
            for service, some in spans.items()
        ]
        body = ExportTraceServiceRequest(resource_spans=groups).SerializeToString()
        headers = {"Content-Type": "application/x-protobuf"}
        requests.post(f"{url}/v1/traces", data=body, headers=headers, timeout=60).raise_for_status()


def _trace(number: int, begin_ns: int) -> list[tuple[str, Span]]:
    trace_id, ids = os.urandom(16), [os.urandom(8) for _ in _SPANS]
    own = {"shop.order.id": f"made-{number}", "shop.item.id": number % 10, "enduser.id": f"auth0|{number % 3}"}
    exception = _attributes({"exception.type": "botocore.exceptions.ClientError", "exception.message": "refused"})
    spans = []
    for place, (service, parent, name, kind, begin_ms, ms, attributes) in enumerate(_SPANS):
        start = begin_ns + begin_ms * 1_000_000
        bad = number % 20 == 0 and place in {4, 6}
        span = Span(
            trace_id=trace_id,
            span_id=ids[place],
            parent_span_id=b"" if parent is None else ids[parent],
            name=name,
            kind=kind,  # type: ignore[arg-type]
            start_time_unix_nano=start,
            end_time_unix_nano=start + ms * 1_000_000,
            attributes=_attributes(attributes | (own if place in {0, 4} else {})),
            status=Status(code=Status.STATUS_CODE_ERROR, message="refused") if bad else None,
            events=[Span.Event(name="exception", time_unix_nano=start, attributes=exception)] if bad else [],
        )
        spans.append((service, span))
    return spans


def _attributes(values: dict[str, Any]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value))
        for key, value in values.items()
    ]
