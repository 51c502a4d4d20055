"""Finds traces: what the store can search for is asked of it, all else is judged here."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from console.page.trace_reading import Trace, read
from console.page.upstream import Upstream

_ENTRY = {"order": "shop.order.id", "item": "shop.item.id", "user": "enduser.id"}
_MORE = 5
"""How many times more are read than wanted, where not all of the question can be put to the store."""
MOST = 500


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; what is empty does not matter. Durations are milliseconds, times microseconds since the epoch."""

    service: str = ""
    operation: str = ""
    error: bool = False
    exception: str = ""
    min_ms: float | None = None
    max_ms: float | None = None
    order: str = ""
    item: str = ""
    user: str = ""
    start: int | None = None
    limit: int = 20


class Traces:
    """The traces that the observatory holds."""

    def __init__(self, upstream: Upstream, topic: str, clock: Callable[[], float] = time.time) -> None:
        """Args: upstream: where the observatory is. topic: that of new orders. clock: seconds since the epoch."""
        self._upstream = upstream
        self._topic = topic
        self._clock = clock

    def get(self, *trace_ids: str) -> list[Trace]:
        """Read traces by their ids; those that are not held are left out."""
        if not trace_ids:
            return []
        answer = self._upstream.get("observatory", "/api/traces", {"traceID": list(trace_ids)})
        return read(answer.get("data") or [])

    def services(self) -> list[str]:
        """Name the services that spans are held of."""
        return sorted(self._upstream.get("observatory", "/api/services").get("data") or [])

    def operations(self, service: str) -> list[str]:
        """Name a service's operations."""
        found = self._upstream.get("observatory", "/api/operations", {"service": service}).get("data") or []
        return sorted({one["name"] for one in found})

    def search(self, question: Question) -> list[Trace]:
        """Return the latest traces that fit, the newest first."""
        service, tags, complete = _put(question)
        wanted = question.limit if complete else question.limit * _MORE
        services = [service] if service else self.services()
        found: dict[str, Trace] = {}
        for one in services:
            for trace in self._ask(one, tags, question, min(wanted, MOST)):
                found.setdefault(trace[0].trace_id, trace)
        fitting = [trace for trace in found.values() if _fits(trace, question)]
        return sorted(fitting, key=lambda trace: -trace[0].start)[: question.limit]

    def other_half(self, order: str, trace: Trace) -> list[Trace]:
        """Return the traces about an order that hold what its own lacks: where it was placed, or where it was processed."""
        halves = {"SERVER": ("orders", "POST /orders"), "CONSUMER": ("stock-updater", f"process {self._topic}")}
        there = {(span.kind, span.service) for span in trace}
        found: dict[str, Trace] = {}
        for kind, (service, operation) in halves.items():
            if (kind, service) not in there:
                question = Question(service=service, operation=operation)
                for other in self._ask(service, {"shop.order.id": order}, question, 10):
                    found.setdefault(other[0].trace_id, other)
        return list(found.values())

    def _ask(self, service: str, tags: Mapping[str, str], question: Question, limit: int) -> list[Trace]:
        params: dict[str, Any] = {"service": service, "limit": limit}
        if question.operation and service == question.service:
            params["operation"] = question.operation
        elif any(getattr(question, name) for name in _ENTRY):
            params["operation"] = "POST /orders"
        if tags:
            params["tags"] = msgspec.json.encode(tags).decode()
        if question.start is not None:
            params |= {"start": question.start, "end": int((self._clock() + 60) * 1e6)}
        return read(self._upstream.get("observatory", "/api/traces", params).get("data") or [])


def _put(question: Question) -> tuple[str, dict[str, str], bool]:
    """Say which part of a question is put to the store: a service (none: each), the tags of one span, and whether that is all."""
    entry = {tag: str(getattr(question, name)) for name, tag in _ENTRY.items() if getattr(question, name)}
    failure = {"error": "true"} if question.error else {}
    failure |= {"exception.type": question.exception} if question.exception else {}
    timed = question.min_ms is not None or question.max_ms is not None
    if entry:
        return "orders", entry, not (failure or timed or question.service or question.operation)
    if question.exception:
        # The type stands on the event, the status on the span; the first is the rarer.
        return question.service, {"exception.type": question.exception}, not timed
    if failure:
        return question.service, failure, not timed
    return question.service or "orders", {}, not timed


def _fits(trace: Trace, question: Question) -> bool:
    start = min(span.start for span in trace)
    duration_ms = (max(span.end for span in trace) - start) / 1000
    return (
        (not question.service or any(span.service == question.service for span in trace))
        and (not question.operation or any(span.name == question.operation for span in trace))
        and (not question.error or any(span.failed for span in trace))
        and (not question.exception or question.exception in _kinds(trace))
        and (question.min_ms is None or duration_ms >= question.min_ms)
        and (question.max_ms is None or duration_ms <= question.max_ms)
        and all(
            not getattr(question, name) or any(str(span.attributes.get(tag)) == getattr(question, name) for span in trace)
            for name, tag in _ENTRY.items()
        )
    )


def _kinds(trace: Trace) -> Iterable[str]:
    return {name for span in trace for name in span.exceptions()}
