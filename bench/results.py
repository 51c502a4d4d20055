"""The result, a dictionary: its JSON, and its table."""

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bench.tracing_cost import ratio

RECORDED = Path(__file__).with_name("results.json")
Row = tuple[str, str, str]
"""What, its measured value, and the goal or what to read beside it."""


def read(text: bytes) -> dict[str, Any]:
    return msgspec.json.decode(text, type=dict[str, Any])


def write(results: Mapping[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(_rounded(msgspec.to_builtins(results))), indent=1) + b"\n"


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _starts(how: str, goal: str, start: dict[str, Any]) -> Iterator[Row]:
    seconds, used = start["seconds"], start["cpuSeconds"]
    measured = f"{statistics.median(seconds):.1f} s ({min(seconds):.1f} to {max(seconds):.1f})"
    yield f"`vshop up` to the first whole trace, {how}", measured, goal
    largest = dict(sorted(used.items(), key=lambda item: -item[1]))
    yield "its CPU time", f"{sum(used.values()):.1f} s", _parts(largest)


def _parts(values: Mapping[str, float], digits: int = 1) -> str:
    return ", ".join(f"{name} {value:.{digits}f}" for name, value in values.items())


def _latency(seen: dict[str, Any]) -> Iterator[Row]:
    for name, until in (("answered", "answered 202"), ("handled", "handled")):
        yield f"an order, until it is {until}", f"p50 {seen[f'{name}P50Ms']:.0f} ms, p99 {seen[f'{name}P99Ms']:.0f} ms", ""


def _sustained(seen: dict[str, Any]) -> Iterator[Row]:
    lost = ", ".join(f"{count} {what}" for what, count in seen["lost"].items()) or "nothing"
    before, after = ({name: size / 1e6 for name, size in seen[f"resident{when}Bytes"].items()} for when in ("Before", "After"))
    cpu, memory = seen["cpuMsPerOrder"], f"{sum(before.values()):.0f} MB, {sum(after.values()):.0f} MB"
    orders = f"{seen['orders']} orders by {seen['shoppers']} shoppers"
    yield f"{orders}, as fast as they are handled", f"{seen['ordersPerS']:.0f} orders/s, {seen['spansPerS']:.0f} spans/s", ""
    yield "their traces, read back", f"{seen['tracesWhole']} of {seen['orders']} whole", "all"
    yield "lost by exporters or observatory, as they count it", lost, "nothing"
    yield "CPU time of an order, all processes", f"{sum(cpu.values()):.0f} ms", _parts(cpu)
    yield "memory before, after", memory, f"under 700 MB; {_parts(after, 0)}"


def _cost(cost: dict[str, Any]) -> Iterator[Row]:
    for name, how, goal in (
        ("off", "off", ""),
        ("metadata", "on, without payloads", ""),
        ("full", "on, with payloads", "at most 1.3 times; "),
    ):
        used = cost["cpuMs"][name]
        times = "" if name == "off" else f", {ratio(cost, name):.2f} times"
        what = f"CPU time of an order in the services, tracing {how}"
        yield what, f"{sum(used.values()):.1f} ms{times}", goal + _parts(used)


def _times(what: str, median: str, seen: dict[str, Any]) -> Iterator[Row]:
    yield what, f"{median}{seen['p50Ms']:.0f} ms, at most {seen['mostMs']:.0f} ms", "under 500 ms"


def _verification(what: str, goal: str, seen: dict[str, Any]) -> Iterator[Row]:
    yield what.format(seen["incidents"]), f"{seen['seconds']:.1f} s, {seen['verified']} verified", goal


def _tests(seen: list[dict[str, Any]]) -> Iterator[Row]:
    goals = {"test": "exit status 0, under 5 minutes", "test-quick": "under 60 s"}
    for one in seen:
        measured = f"{one['seconds']:.0f} s, exit status {one['status']}: {one['outcome']}"
        yield f"`make {one['target']}`", measured, goals.get(one["target"], "")


def _growth(seen: list[dict[str, Any]]) -> Iterator[Row]:
    for held in seen:
        asked = f"trace {held['traceMs']:.0f} ms, search {held['searchMs']:.0f} ms, alerts {held['alertsMs']:.0f} ms"
        size = f"{held['residentBytes'] / 1e6:.0f} MB resident for {held['otlpBytes'] / 1e6:.0f} MB of OTLP"
        yield f"the observatory with {held['orders']} orders ({held['spans']} spans)", size, asked


def _side_by_side(seen: dict[str, Any]) -> Iterator[Row]:
    shop, rod = seen["shop"], seen["hotrod"]
    memory = sum(size for name, size in shop["residentAfterBytes"].items() if name != "jaeger")
    orders = f"{shop['ordersPerS']:.0f} orders, {shop['spansPerS'] / shop['ordersPerS']:.0f} spans each"
    requests = f"HotROD {rod['requestsPerS']:.0f}, {rod['spansPerRequest']:.0f} spans each"
    answered = f"HotROD {rod['answeredP50Ms']:.0f} ms"
    yield "into a real Jaeger: start to first trace", f"{seen['shopFirstTraceS']:.1f} s", f"HotROD {rod['firstTraceS']:.1f} s"
    yield "requests a second", orders, requests
    yield "spans a second", f"{shop['spansPerS']:.0f}", f"HotROD {rod['spansPerS']:.0f}"
    yield "a request, until it is answered, p50", f"{shop['answeredP50Ms']:.0f} ms", answered
    yield "memory of Jaeger, with the traces of both", f"{seen['jaegerResidentBytes'] / 1e6:.0f} MB", ""
    yield "memory without Jaeger", f"{memory / 1e6:.0f} MB", f"HotROD {rod['residentBytes'] / 1e6:.0f} MB"
    yield "traces whole", f"{shop['tracesWhole']} of {shop['orders']}", "HotROD: not asked"


_ROWS: Mapping[str, Callable[[Any], Iterable[Row]]] = {
    "warm": partial(_starts, "with Kafka's start cache", "under 4 s"),
    "cold": partial(_starts, "without the start cache", "under 40 s with empty caches"),
    "latency": _latency,
    "sustained": _sustained,
    "cost": _cost,
    "switching": partial(_times, "a switch, until the services have acknowledged it", ""),
    "verification": partial(_verification, "`vshop verify`, {} incidents one after the other", "under 20 s"),
    "verificationInParallel": partial(_verification, "`vshop verify --parallel`, {} incidents", "under 10 s"),
    "culprit": partial(_times, "the culprit span in a test, after the order was processed", "p50 "),
    "tests": _tests,
    "growth": _growth,
    "sideBySide": _side_by_side,
}


def rows(results: Mapping[str, Any]) -> list[Row]:
    """Return the rows of all measurements that were run."""
    return [row for name, make in _ROWS.items() if name in results for row in make(results[name])]


def measured() -> Iterator[str]:
    """Return the recorded run as Markdown, for docs/performance.md."""
    results = read(RECORDED.read_bytes())
    machine = results["machine"]
    yield from ("| what | measured | goal, or beside it |", "|---|---|---|")
    yield from (f"| {' | '.join(row)} |" for row in rows(results))
    one, five, fifteen = machine["load"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    extent = "`--quick`, fewer of everything" if results.get("quick") else "the whole run"
    yield ""
    yield (
        f"Measured on {results['started'][:10]} in {results['seconds'] / 60:.0f} minutes ({extent}), on {machine['cores']} cores "
        f"({machine['cpu']}), {machine['memoryBytes'] / 1e9:.0f} GB, {machine['system']}."
    )
    yield (
        f"Load average before: {one:.1f}, {five:.1f}, {fifteen:.1f}. "
        f"Calibration: {machine['calibrationS']:.2f} s before, {machine['calibrationAfterS']:.2f} s after."
    )
    yield f"Versions: {versions}."
    yield f"{results['note']}\n"
