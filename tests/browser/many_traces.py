"""Makes traces as the shop does, by the thousand, for the observatory alone."""

import os
import time
from collections import defaultdict
from typing import Any

import requests

TOPIC = "queuing.retail_site.new_orders"
_AT_ONCE = 500
_PAYLOAD = '{"itemId": 1, "padding": "' + "x" * 200 + '"}'
_DB = {"db.collection.name": "item-stock", "db.system": "dynamodb", "shop.dynamodb.request": _PAYLOAD}
_KAFKA = {"messaging.destination.name": TOPIC, "shop.kafka.value": _PAYLOAD}
# service, parent's place, name, kind, begin and duration in ms, attributes
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
    """Send traces over OTLP.

    Args:
        url: the observatory's.
        count: how many; the last of them ends about now. Every twentieth has an error.
    """
    began = time.time_ns()
    for first in range(0, count, _AT_ONCE):
        spans: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for number in range(first, min(first + _AT_ONCE, count)):
            for service, span in _trace(number, began - (count - number) * 20_000_000):
                spans[service].append(span)
        groups = [
            {"resource": {"attributes": _attributes({"service.name": service})}, "scopeSpans": [{"spans": some}]}
            for service, some in spans.items()
        ]
        requests.post(f"{url}/v1/traces", json={"resourceSpans": groups}, timeout=60).raise_for_status()


def _trace(number: int, begin_ns: int) -> list[tuple[str, dict[str, Any]]]:
    trace_id, ids = os.urandom(16).hex(), [os.urandom(8).hex() for _ in _SPANS]
    own = {"shop.order.id": f"made-{number}", "shop.item.id": number % 10, "enduser.id": f"auth0|{number % 3}"}
    spans = []
    for place, (service, parent, name, kind, begin_ms, ms, attributes) in enumerate(_SPANS):
        start = begin_ns + begin_ms * 1_000_000
        bad = number % 20 == 0 and place in {4, 6}
        exception = {"exception.type": "botocore.exceptions.ClientError", "exception.message": "refused"}
        span = {
            "traceId": trace_id,
            "spanId": ids[place],
            "parentSpanId": "" if parent is None else ids[parent],
            "name": name,
            "kind": kind,
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + ms * 1_000_000),
            "attributes": _attributes(attributes | (own if place in {0, 4} else {})),
            "status": {"code": 2, "message": "refused"} if bad else {},
            "events": [{"name": "exception", "timeUnixNano": str(start), "attributes": _attributes(exception)}] if bad else [],
        }
        spans.append((service, span))
    return spans


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in values.items()
    ]
