"""Measures the observatory by size: one order's spans, sent again with new ids."""

import base64
import json
import os
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import requests
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.machine import resident
from vshop.kit.http.session import http_session
from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient

_BATCH = 100
ROOMY = {"SHOP_STORE_MAX_SPANS": "1000000", "SHOP_STORE_MAX_BYTES": "4000000000"}
"""The default limits would evict the oldest."""


class Held(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    orders: int
    spans: int
    otlp_bytes: int
    resident_bytes: int
    filled_spans_per_s: float
    trace_ms: float
    search_ms: float
    alerts_ms: float


def grow(shop: Shop, addresses: Addresses, trace_id: str, levels: list[int]) -> list[Held]:
    """Fill an observatory with the settings ``ROOMY`` from one trace, and measure it at each level."""
    url = shop.addresses["otlp"] + "/v1/traces"
    session = http_session("bench")
    template = _template(session, addresses, trace_id)
    client, done, seen = ShopClient(addresses), 0, []
    for level in levels:
        before, began = _counts(client)["spans"], time.perf_counter()
        for body in _copies(template, level - done):
            session.post(url, body, headers={"Content-Type": "application/x-protobuf"}, timeout=60).raise_for_status()
        seconds, done, counts = time.perf_counter() - began, level, _counts(client)
        seen.append(
            Held(
                orders=level,
                spans=counts["spans"],
                otlp_bytes=counts["bytes"],
                resident_bytes=resident(shop)["observatory"],
                filled_spans_per_s=(counts["spans"] - before) / seconds,
                trace_ms=_timed(session, f"{addresses.traces}/api/v3/traces/{trace_id}"),
                search_ms=_timed(session, f"{addresses.traces}/api/traces?service=orders&limit=20"),
                alerts_ms=_timed(session, f"{addresses.observatory}/api/alerts?since=1000000000"),
            )
        )
    return seen


def _counts(client: ShopClient) -> dict[str, int]:
    counts: dict[str, int] = client.telemetry()["traces"]
    return counts


def _template(session: requests.Session, addresses: Addresses, trace_id: str) -> ExportTraceServiceRequest:
    answer = session.get(f"{addresses.traces}/api/v3/traces/{trace_id}", timeout=30)
    answer.raise_for_status()
    content = json.loads(answer.content, object_hook=_base64_ids)
    made = ExportTraceServiceRequest()
    ParseDict({"resourceSpans": content["result"]["resourceSpans"]}, made, ignore_unknown_fields=True)
    return made


def _base64_ids(item: dict[str, Any]) -> dict[str, Any]:
    ids = {key: item[key] for key in ("traceId", "spanId", "parentSpanId") if item.get(key)}
    return item | {key: base64.b64encode(bytes.fromhex(digits)).decode() for key, digits in ids.items()}


def _copies(template: ExportTraceServiceRequest, orders: int) -> Iterator[bytes]:
    """A hundred orders each. All ids have the same length, so their bytes can be replaced."""
    spans = [span for of in template.resource_spans for scope in of.scope_spans for span in scope.spans]
    (trace_id,) = {span.trace_id for span in spans}
    raw = template.SerializeToString()
    ids = [span.span_id for span in spans]
    for first in range(0, orders, _BATCH):
        copies = []
        for _ in range(min(_BATCH, orders - first)):
            copy = raw.replace(trace_id, os.urandom(16))
            for span_id in ids:
                copy = copy.replace(span_id, os.urandom(8))
            copies.append(copy)
        yield b"".join(copies)  # concatenated messages are one message with all lists


def _timed(session: requests.Session, url: str) -> float:
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        session.get(url, timeout=60).raise_for_status()
        best = min(best, time.perf_counter() - began)
    return 1000 * best
