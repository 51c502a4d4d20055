"""A run's result as a table: what was measured, beside the goal or what else there is."""

from typing import NamedTuple

from bench.growth import Held
from bench.handling import Latency, Sustained
from bench.hotrod import SideBySide
from bench.results import Results
from bench.starting import Start
from bench.tracing_cost import Cost


class Row(NamedTuple):
    """One line of the table."""

    what: str
    measured: str
    beside: str = ""


def rows(results: Results) -> list[Row]:
    """Make the table of a result; what was not measured has no line."""
    made = _starts(results.warm, "everything fetched, Kafka's start cache made", "under 4 s")
    made += _starts(results.cold, "no start cache yet", "under 40 s with everything to be fetched")
    if results.latency:
        made += _latency(results.latency)
    if results.sustained:
        made += _sustained(results.sustained)
    if results.cost:
        made += _cost(results.cost)
    if results.switching:
        most = f"{results.switching.p50_ms:.0f} ms, at most {results.switching.most_ms:.0f} ms"
        made.append(Row("a switch, until every service concerned has acknowledged it", most, "under 500 ms"))
    if results.verification:
        seen = results.verification
        made.append(
            Row(
                f"verifying {seen.incidents} incidents, one after the other",
                f"{seen.seconds:.0f} s, {seen.verified} verified",
                "all",
            )
        )
    made += [row for held in results.growth for row in _held(held)]
    return made + (_side_by_side(results.side_by_side) if results.side_by_side else [])


def _starts(start: Start | None, how: str, goal: str) -> list[Row]:
    if start is None:
        return []
    seconds = f"{start.median_s:.1f} s ({min(start.seconds):.1f} to {max(start.seconds):.1f})"
    used = start.cpu_seconds
    largest = ", ".join(f"{name} {cpu:.1f}" for name, cpu in sorted(used.items(), key=lambda item: -item[1]))
    return [
        Row(f"`vshop up` to the first whole trace, {how}", seconds, goal),
        Row("its CPU time, all processes", f"{sum(used.values()):.1f} s", largest),
    ]


def _latency(latency: Latency) -> list[Row]:
    return [
        Row("an order, until it is answered 202", f"p50 {latency.answered_p50_ms:.0f} ms, p99 {latency.answered_p99_ms:.0f} ms"),
        Row("an order, until it is handled", f"p50 {latency.handled_p50_ms:.0f} ms, p99 {latency.handled_p99_ms:.0f} ms"),
    ]


def _sustained(seen: Sustained) -> list[Row]:
    lost = ", ".join(f"{count} {what}" for what, count in seen.lost.items()) or "nothing"
    before, after = sum(seen.resident_before_bytes.values()), sum(seen.resident_after_bytes.values())
    parts = ", ".join(f"{name} {size / 1e6:.0f}" for name, size in seen.resident_after_bytes.items())
    cpu = ", ".join(f"{name} {used:.1f}" for name, used in seen.cpu_ms_per_order.items())
    return [
        Row(
            f"{seen.orders} orders by {seen.shoppers} shoppers, as fast as they are handled",
            f"{seen.orders_per_s:.0f} orders/s, {seen.spans_per_s:.0f} spans/s",
        ),
        Row("their traces, read back", f"{seen.traces_whole} of {seen.orders} whole", "all"),
        Row("lost by exporters or observatory, as they count it", lost, "nothing"),
        Row("CPU time of an order, all processes", f"{sum(seen.cpu_ms_per_order.values()):.0f} ms", cpu),
        Row("memory of everything before, after", f"{before / 1e6:.0f} MB, {after / 1e6:.0f} MB", f"under 700 MB; {parts}"),
    ]


def _cost(cost: Cost) -> list[Row]:
    made = []
    for name, how in (("off", "off"), ("metadata", "on, without payloads"), ("full", "on, with payloads")):
        used = cost.cpu_ms[name]
        parts = ", ".join(f"{part} {ms:.1f}" for part, ms in used.items())
        ratio = "" if name == "off" else f", {cost.ratio(name):.2f} times"
        goal = "at most 1.3 times; " if name == "full" else ""
        made.append(
            Row(f"CPU time of an order in the three services, tracing {how}", f"{sum(used.values()):.1f} ms{ratio}", goal + parts)
        )
    return made


def _held(held: Held) -> list[Row]:
    asked = f"trace {held.trace_ms:.0f} ms, search {held.search_ms:.0f} ms, alerts {held.alerts_ms:.0f} ms"
    size = f"{held.resident_bytes / 1e6:.0f} MB resident for {held.otlp_bytes / 1e6:.0f} MB of OTLP"
    return [Row(f"the observatory with {held.orders} orders ({held.spans} spans)", size, asked)]


def _side_by_side(seen: SideBySide) -> list[Row]:
    shop, rod = seen.shop, seen.hotrod
    memory = sum(size for name, size in shop.resident_after_bytes.items() if name != "jaeger")
    return [
        Row("into a real Jaeger: start to first trace", f"{seen.shop_first_trace_s:.1f} s", f"HotROD {rod.first_trace_s:.1f} s"),
        Row(
            "requests a second",
            f"{shop.orders_per_s:.0f} orders, {shop.spans_per_s / shop.orders_per_s:.0f} spans each",
            f"HotROD {rod.requests_per_s:.0f}, {rod.spans_per_request:.0f} spans each",
        ),
        Row("spans a second", f"{shop.spans_per_s:.0f}", f"HotROD {rod.spans_per_s:.0f}"),
        Row("a request, until it is answered, p50", f"{shop.answered_p50_ms:.0f} ms", f"HotROD {rod.answered_p50_ms:.0f} ms"),
        Row("memory of Jaeger, with the traces of both", f"{seen.jaeger_resident_bytes / 1e6:.0f} MB"),
        Row("memory without Jaeger", f"{memory / 1e6:.0f} MB", f"HotROD {rod.resident_bytes / 1e6:.0f} MB"),
        Row("traces whole", f"{shop.traces_whole} of {shop.orders}", "HotROD: not asked"),
    ]
