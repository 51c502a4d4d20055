"""Measures latency and throughput."""

import contextlib
import time

import msgspec

from bench.machine import cpu_seconds, resident
from bench.shopper import Backlog, Sent, Shopper, ShopperPool, quantile
from loadtest.accounting import TelemetryLoss
from loadtest.trace_check import check_trace
from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient
from vshop.shop.traces import Trace, TraceReader

_PATIENCE_S = 30.0
_PAUSE_S = 0.02


class Latency(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    orders: int
    answered_p50_ms: float
    answered_p99_ms: float
    handled_p50_ms: float
    """From the start of ``POST /orders`` to the end of processing, by the trace."""
    handled_p99_ms: float


class Sustained(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Of orders placed as fast as they are accepted."""

    orders: int
    shoppers: int
    orders_per_s: float
    spans_per_s: float
    traces_whole: int
    missing: dict[str, int]
    lost: dict[str, int]
    answered_p50_ms: float
    answered_p99_ms: float
    cpu_ms_per_order: dict[str, float]
    resident_before_bytes: dict[str, int]
    resident_after_bytes: dict[str, int]


def latency(addresses: Addresses, orders: int) -> Latency:
    """Place orders one at a time, and read their latencies from the traces."""
    with contextlib.closing(Shopper(addresses)) as shopper:
        sent = []
        for number in range(orders):
            sent.append(shopper.place(number % 9))
            time.sleep(_PAUSE_S)
    reader = TraceReader(addresses.traces)
    handled = [_handled_s(reader.wait_whole(order.trace_id, order.order_id, _PATIENCE_S)) for order in sent]
    answered = [order.seconds for order in sent]
    return Latency(
        orders=orders,
        answered_p50_ms=1000 * quantile(answered, 0.5),
        answered_p99_ms=1000 * quantile(answered, 0.99),
        handled_p50_ms=1000 * quantile(handled, 0.5),
        handled_p99_ms=1000 * quantile(handled, 0.99),
    )


def _handled_s(trace: Trace) -> float:
    (entry,) = trace.find(service="orders", kind="SERVER")
    done = max(span.end_ns for span in trace.find(kind="CONSUMER"))
    return (done - entry.start_ns) / 1e9


def sustained(shop: Shop, addresses: Addresses, orders: int, shoppers: int) -> Sustained:
    """Place orders as fast as they are accepted, wait until all are handled, and read every trace.

    The observatory must hold them all.
    """
    losses = TelemetryLoss(ShopClient(addresses))
    backlog = Backlog(shop.addresses["kafka"])
    pool = ShopperPool(addresses, shoppers, backlog)
    pool.order_and_wait(10 * shoppers)
    memory, before = resident(shop), cpu_seconds(shop)
    sent, seconds = pool.order_and_wait(orders)
    spans, missing = _read_traces(TraceReader(addresses.traces), sent)
    after = cpu_seconds(shop)
    time.sleep(1.5)  # exporters report their counts once a second
    losses.look()
    backlog.close()
    answered = [order.seconds for order in sent]
    return Sustained(
        orders=orders,
        shoppers=shoppers,
        orders_per_s=orders / seconds,
        spans_per_s=spans / seconds,
        traces_whole=orders - sum(missing.values()),
        missing=missing,
        lost=losses.lost(),
        answered_p50_ms=1000 * quantile(answered, 0.5),
        answered_p99_ms=1000 * quantile(answered, 0.99),
        cpu_ms_per_order={name: 1000 * (after[name] - before[name]) / orders for name in before},
        resident_before_bytes=memory,
        resident_after_bytes=resident(shop),
    )


def _read_traces(reader: TraceReader, sent: list[Sent]) -> tuple[int, dict[str, int]]:
    deadline = time.monotonic() + _PATIENCE_S
    spans, missing = 0, dict[str, int]()
    for order in sent:
        while True:
            trace = reader.get(order.trace_id)
            verdict = check_trace(trace)
            if verdict.whole or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        spans += len(trace.spans)
        if verdict.missing is not None:
            missing[verdict.missing] = missing.get(verdict.missing, 0) + 1
    return spans, missing
