"""Measures latency, throughput, and the observatory by the number of orders that it holds."""

import base64
import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from timeit import repeat
from typing import Any

import requests
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.machine import cpu_seconds, quantiles, resident
from bench.shopper import IN_STOCK, Sent, Shopper, ShopperPool
from loadtest.accounting import TelemetryLoss
from loadtest.stock_check import Backlog
from loadtest.trace_check import check_trace
from vshop.kit.http.session import http_session
from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient
from vshop.shop.traces import Trace, TraceReader

_PATIENCE_S = 30.0
_PAUSE_S = 0.02
_BATCH = 100
ROOMY = {"SHOP_STORE_MAX_SPANS": "1000000", "SHOP_STORE_MAX_BYTES": "4000000000"}
"""Settings of the observatory for ``grow``; the default limits would evict the oldest traces."""


def latency(addresses: Addresses, orders: int) -> dict[str, Any]:
    """Place orders one at a time, and read their latencies from the traces.

    An order is handled at the end of its processing, counted from the start of ``POST /orders``.
    """
    with contextlib.closing(Shopper(addresses)) as shopper:
        sent = []
        for number in range(orders):
            sent.append(shopper.place(number % IN_STOCK))
            time.sleep(_PAUSE_S)
    reader = TraceReader(addresses.traces)
    handled = [_handled_s(reader.wait_whole(order.trace_id, order.order_id, _PATIENCE_S)) for order in sent]
    return {"orders": orders} | quantiles("answered", [order.seconds for order in sent]) | quantiles("handled", handled)


def _handled_s(trace: Trace) -> float:
    (entry,) = trace.find(service="orders", kind="SERVER")
    done = max(span.end_ns for span in trace.find(kind="CONSUMER"))
    return (done - entry.start_ns) / 1e9


def sustained(shop: Shop, addresses: Addresses, orders: int, shoppers: int) -> dict[str, Any]:
    """Place orders as fast as they are accepted, wait until all are handled, and read every trace.

    The observatory must hold them all.
    """
    losses = TelemetryLoss(ShopClient(addresses))
    with contextlib.closing(Backlog(shop.addresses["kafka"])) as backlog:
        pool = ShopperPool(addresses, shoppers, backlog)
        pool.order_and_wait(10 * shoppers)
        memory, before = resident(shop), cpu_seconds(shop)
        sent, seconds = pool.order_and_wait(orders)
    spans, missing = _read_traces(TraceReader(addresses.traces), sent)
    after = cpu_seconds(shop)
    time.sleep(1.5)  # exporters report their counts once a second
    losses.look()
    return {
        "orders": orders,
        "shoppers": shoppers,
        "ordersPerS": orders / seconds,
        "spansPerS": spans / seconds,
        "tracesWhole": orders - missing.total(),
        "missing": missing,
        "lost": losses.lost(),
        **quantiles("answered", [order.seconds for order in sent]),
        "cpuMsPerOrder": {name: 1000 * (after[name] - before[name]) / orders for name in before},
        "residentBeforeBytes": memory,
        "residentAfterBytes": resident(shop),
    }


def _read_traces(reader: TraceReader, sent: list[Sent]) -> tuple[int, Counter[str]]:
    """Return the number of spans, and which spans are missing in how many traces."""
    deadline = time.monotonic() + _PATIENCE_S
    spans, missing = 0, Counter[str]()
    for order in sent:
        while (lacks := check_trace(trace := reader.get(order.trace_id)).missing) and time.monotonic() < deadline:
            time.sleep(0.1)
        spans += len(trace.spans)
        missing.update([lacks] if lacks else [])
    return spans, missing


def grow(shop: Shop, addresses: Addresses, trace_id: str, levels: list[int]) -> list[dict[str, Any]]:
    """Fill an observatory with copies of one trace, with new ids, and measure it at each level."""
    url = shop.addresses["otlp"] + "/v1/traces"
    session, client = http_session("bench"), ShopClient(addresses)
    template = _template(session, addresses, trace_id)
    done, spans, measured = 0, client.telemetry()["traces"]["spans"], []
    for level in levels:
        began = time.perf_counter()
        for body in _copies(template, level - done):
            session.post(url, body, headers={"Content-Type": "application/x-protobuf"}, timeout=60).raise_for_status()
        seconds, counts = time.perf_counter() - began, client.telemetry()["traces"]
        measured.append(
            {
                "orders": level,
                "spans": counts["spans"],
                "otlpBytes": counts["bytes"],
                "residentBytes": resident(shop)["observatory"],
                "filledSpansPerS": (counts["spans"] - spans) / seconds,
                "traceMs": _timed(session, f"{addresses.traces}/api/v3/traces/{trace_id}"),
                "searchMs": _timed(session, f"{addresses.traces}/api/traces?service=orders&limit=20"),
                "alertsMs": _timed(session, f"{addresses.observatory}/api/alerts?since=1000000000"),
            }
        )
        done, spans = level, counts["spans"]
    return measured


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
    for first in range(0, orders, _BATCH):
        copies = []
        for _ in range(min(_BATCH, orders - first)):
            copy = raw.replace(trace_id, os.urandom(16))
            for span in spans:
                copy = copy.replace(span.span_id, os.urandom(8))
            copies.append(copy)
        yield b"".join(copies)  # concatenated messages are one message with all lists


def _timed(session: requests.Session, url: str) -> float:
    return 1000 * min(repeat(lambda: session.get(url, timeout=60).raise_for_status(), number=1, repeat=3))
