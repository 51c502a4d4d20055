"""How long one order takes, and how many a second the shop handles with every trace whole."""

import time

import msgspec

from bench.backlog import Backlog
from bench.shopper import Crowd, Sent, Shopper, quantile
from bench.usage import cpu_seconds, resident
from loadtest.drops import Drops
from loadtest.judging import judge
from vshop.addresses import Addresses
from vshop.client import ShopClient
from vshop.runtime.shop import Shop
from vshop.traces import Trace, TraceReader

_PATIENCE_S = 30.0
_PAUSE_S = 0.02


class Latency(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Orders placed one after the other, in milliseconds."""

    orders: int
    answered_p50_ms: float
    """From sending to the 202: Kafka has it."""
    answered_p99_ms: float
    handled_p50_ms: float
    """From the begin of ``POST /orders`` to the end of the processing in stock-updater, as the trace has it."""
    handled_p99_ms: float


class Sustained(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Orders placed as fast as they are taken."""

    orders: int
    shoppers: int
    orders_per_s: float
    """Handled, not only accepted."""
    spans_per_s: float
    traces_whole: int
    missing: dict[str, int]
    """What was missing from the traces that were not whole, and how often."""
    lost: dict[str, int]
    """What exporters and observatory say they lost; nothing that is 0."""
    answered_p50_ms: float
    answered_p99_ms: float
    cpu_ms_per_order: dict[str, float]
    """By part."""
    resident_before_bytes: dict[str, int]
    resident_after_bytes: dict[str, int]


def latency(addresses: Addresses, orders: int) -> Latency:
    """Place orders one at a time, and read from their traces when they were handled.

    Args:
        addresses: of the shop.
        orders: how many.
    """
    with Shopper(addresses) as shopper:
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
    """Place orders as fast as they are taken, wait until all are handled, and read every trace back.

    Args:
        shop: whose processes are measured.
        addresses: its addresses.
        orders: how many; the observatory has to hold them all.
        shoppers: how many place them.
    """
    drops = Drops(ShopClient(addresses))
    backlog = Backlog(shop.addresses["kafka"])
    crowd = Crowd(addresses, shoppers, backlog)
    crowd.order_and_wait(10 * shoppers)
    memory, before = resident(shop), cpu_seconds(shop)
    sent, seconds = crowd.order_and_wait(orders)
    spans, missing = _judge(TraceReader(addresses.traces), sent)
    after = cpu_seconds(shop)
    time.sleep(1.5)  # the exporters' counts come once a second
    drops.look()
    backlog.close()
    answered = [order.seconds for order in sent]
    return Sustained(
        orders=orders,
        shoppers=shoppers,
        orders_per_s=orders / seconds,
        spans_per_s=spans / seconds,
        traces_whole=orders - sum(missing.values()),
        missing=missing,
        lost=drops.lost(),
        answered_p50_ms=1000 * quantile(answered, 0.5),
        answered_p99_ms=1000 * quantile(answered, 0.99),
        cpu_ms_per_order={name: 1000 * (after[name] - before[name]) / orders for name in before},
        resident_before_bytes=memory,
        resident_after_bytes=resident(shop),
    )


def _judge(reader: TraceReader, sent: list[Sent]) -> tuple[int, dict[str, int]]:
    """Read every trace until it is whole; returns the number of spans, and what was missing in the end."""
    deadline = time.monotonic() + _PATIENCE_S
    spans, missing = 0, dict[str, int]()
    for order in sent:
        while True:
            trace = reader.get(order.trace_id)
            verdict = judge(trace)
            if verdict.whole or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        spans += len(trace.spans)
        if verdict.missing is not None:
            missing[verdict.missing] = missing.get(verdict.missing, 0) + 1
    return spans, missing
