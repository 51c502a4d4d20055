"""The result: its JSON, and its table."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.durations import Culprit, Start, Switching, Tests, Verification
from bench.growth import Held
from bench.handling import Latency, Sustained
from bench.hotrod import SideBySide
from bench.machine import Machine
from bench.tracing_cost import Cost

RECORDED = Path(__file__).with_name("results.json")


class Results(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A section is None if it was not run."""

    started: str
    """ISO 8601, UTC."""
    seconds: float = 0.0
    quick: bool = False
    note: str = ""
    machine: Machine
    warm: Start | None = None
    cold: Start | None = None
    latency: Latency | None = None
    sustained: Sustained | None = None
    switching: Switching | None = None
    verification: Verification | None = None
    verification_in_parallel: Verification | None = None
    culprit: Culprit | None = None
    tests: list[Tests] = []
    cost: Cost | None = None
    growth: list[Held] = []
    side_by_side: SideBySide | None = None


def read(text: bytes) -> Results:
    return msgspec.json.decode(text, type=Results)


def write(results: Results) -> bytes:
    plain = _rounded(msgspec.to_builtins(results))
    return msgspec.json.format(msgspec.json.encode(plain), indent=1) + b"\n"


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


class Row(NamedTuple):
    what: str
    measured: str
    beside: str = ""


def rows(results: Results) -> list[Row]:
    made = _starts(results.warm, "with Kafka's start cache", "under 4 s")
    made += _starts(results.cold, "without the start cache", "under 40 s with empty caches")
    if results.latency:
        made += _latency(results.latency)
    if results.sustained:
        made += _sustained(results.sustained)
    if results.cost:
        made += _cost(results.cost)
    if results.switching:
        most = f"{results.switching.p50_ms:.0f} ms, at most {results.switching.most_ms:.0f} ms"
        made.append(Row("a switch, until the services have acknowledged it", most, "under 500 ms"))
    made += _verification(results.verification, "`vshop verify`, {} incidents one after the other", "under 20 s")
    made += _verification(results.verification_in_parallel, "`vshop verify --parallel`, {} incidents", "under 10 s")
    if results.culprit:
        found = f"p50 {results.culprit.p50_ms:.0f} ms, at most {results.culprit.most_ms:.0f} ms"
        made.append(Row("the culprit span in a test, after the order was processed", found, "under 500 ms"))
    goals = {"test": "exit status 0, under 5 minutes", "test-quick": "under 60 s"}
    made += [
        Row(f"`make {one.target}`", f"{one.seconds:.0f} s, exit status {one.status}: {one.outcome}", goals.get(one.target, ""))
        for one in results.tests
    ]
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
        Row("its CPU time", f"{sum(used.values()):.1f} s", largest),
    ]


def _verification(seen: Verification | None, what: str, goal: str) -> list[Row]:
    if seen is None:
        return []
    return [Row(what.format(seen.incidents), f"{seen.seconds:.1f} s, {seen.verified} verified", goal)]


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
        Row("memory before, after", f"{before / 1e6:.0f} MB, {after / 1e6:.0f} MB", f"under 700 MB; {parts}"),
    ]


def _cost(cost: Cost) -> list[Row]:
    made = []
    for name, how in (("off", "off"), ("metadata", "on, without payloads"), ("full", "on, with payloads")):
        used = cost.cpu_ms[name]
        parts = ", ".join(f"{part} {ms:.1f}" for part, ms in used.items())
        ratio = "" if name == "off" else f", {cost.ratio(name):.2f} times"
        goal = "at most 1.3 times; " if name == "full" else ""
        made.append(
            Row(f"CPU time of an order in the services, tracing {how}", f"{sum(used.values()):.1f} ms{ratio}", goal + parts)
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


def measured() -> Iterator[str]:
    results = read(RECORDED.read_bytes())
    machine = results.machine
    yield from ("| what | measured | goal, or beside it |", "|---|---|---|")
    for row in rows(results):
        yield f"| {row.what} | {row.measured} | {row.beside} |"
    one, five, fifteen = machine.load
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    extent = "`--quick`, fewer of everything" if results.quick else "the whole run"
    yield ""
    yield (
        f"Measured on {results.started[:10]} in {results.seconds / 60:.0f} minutes ({extent}), on {machine.cores} cores "
        f"({machine.cpu}), {machine.memory_bytes / 1e9:.0f} GB, {machine.system}."
    )
    yield (
        f"Load average before: {one:.1f}, {five:.1f}, {fifteen:.1f}. "
        f"Calibration: {machine.calibration_s:.2f} s before, {machine.calibration_after_s:.2f} s after."
    )
    yield f"Versions: {versions}."
    yield f"{results.note}\n"
