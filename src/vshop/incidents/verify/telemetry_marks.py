"""Recognises each alteration in the stored telemetry of one order."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from vshop.kit.telemetry.alterations import Alteration
from vshop.shop.spans import attributes

Span = Mapping[str, Any]
_KIND_NUMBERS = {"SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
_SHORT = "0" * 16


class Telemetry(msgspec.Struct, frozen=True, kw_only=True):
    """One order's stored telemetry; spans are OTLP's JSON.

    ``short``: spans of the trace with the lower half of its id. ``searched``: log records that name the order, in any trace.
    """

    trace_id: str
    spans: Sequence[Span]
    short: Sequence[Span]
    logs: Sequence[Mapping[str, Any]]
    searched: Sequence[Mapping[str, Any]]


def mark(one: Alteration, seen: Telemetry) -> bool:
    """Return whether telemetry is altered so; a whole trace shows no mark."""
    return _MARKS[one.action](one, seen)


def _matching(one: Alteration, spans: Sequence[Span]) -> list[Span]:
    return [
        span
        for span in spans
        if one.concerns("spans", span["service"])
        and span["name"].startswith(one.name)
        and (one.kind is None or span.get("kind") in {_KIND_NUMBERS[one.kind], f"SPAN_KIND_{one.kind}"})
    ]


def _absent(one: Alteration, seen: Telemetry) -> bool:
    spans = "spans" in one.signals and bool(_matching(one, seen.spans))
    logs = "logs" in one.signals and any(record["service"] in one.services for record in seen.logs)
    return not spans and not logs


def _shift(one: Alteration, seen: Telemetry) -> bool:
    moved = [int(span["startTimeUnixNano"]) for span in seen.spans if span["service"] in one.services]
    others = [int(span["startTimeUnixNano"]) for span in seen.spans if span["service"] not in one.services]
    if not moved or not others:
        return False
    by_ms = (min(moved) - min(others)) / 1e6
    return by_ms > one.ms / 2 if one.ms > 0 else by_ms < one.ms / 2


def _duplicate(_one: Alteration, seen: Telemetry) -> bool:
    return any(count > 1 for count in Counter(span["spanId"] for span in seen.spans).values())


def _shorten_trace_id(one: Alteration, seen: Telemetry) -> bool:
    return bool(_matching(one, seen.short)) and not _matching(one, seen.spans)


def _strip(one: Alteration, seen: Telemetry) -> bool:
    return bool(seen.spans) and not any(name.startswith(tuple(one.keys)) for name in _names(seen.spans))


def _cut(one: Alteration, seen: Telemetry) -> bool:
    found = [
        value
        for span in seen.spans
        for name, value in attributes(span.get("attributes", [])).items()
        if name.startswith(tuple(one.keys)) and isinstance(value, str)
    ]
    return bool(found) and max(map(len, found)) <= one.length


def _mirror(_one: Alteration, seen: Telemetry) -> bool:
    first = {
        service: [one["timestamp"] for one in seen.logs if one["service"] == service] for service in ("orders", "stock-updater")
    }
    return all(first.values()) and max(first["stock-updater"]) < min(first["orders"])


def _unlink(one: Alteration, seen: Telemetry) -> bool:
    found = _matching(one, seen.spans)
    return bool(found) and not any(span.get("parentSpanId") or span.get("links") for span in found)


def _keep(one: Alteration, seen: Telemetry) -> bool:
    return len(_matching(one, seen.spans)) == one.count


def _sample(one: Alteration, seen: Telemetry) -> bool:
    return not one.samples(seen.trace_id) and not _matching(one, seen.spans)


def _rename(one: Alteration, seen: Telemetry) -> bool:
    services = {span["service"] for span in seen.spans}
    return one.text in services and not services.intersection(one.services)


def _forget_trace(_one: Alteration, seen: Telemetry) -> bool:
    return not seen.logs and bool(seen.searched)


def _names(spans: Sequence[Span]) -> set[str]:
    return {name for span in spans for name in attributes(span.get("attributes", []))}


def short_id(trace_id: str) -> str:
    """Return the trace id with only its lower 64 bits."""
    return _SHORT + trace_id[16:]


_MARKS: dict[str, Callable[[Alteration, Telemetry], bool]] = {
    "drop": _absent,
    "delay": _absent,
    "shift": _shift,
    "duplicate": _duplicate,
    "shortenTraceId": _shorten_trace_id,
    "strip": _strip,
    "cut": _cut,
    "mirror": _mirror,
    "unlink": _unlink,
    "keep": _keep,
    "sample": _sample,
    "sampleErrors": _absent,
    "renameService": _rename,
    "forgetTrace": _forget_trace,
}
