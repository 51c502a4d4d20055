"""The alert rules of ``rules.yaml``, what they read of traces and log records, and their evaluation."""

import math
from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import msgspec
import yaml
from msgspec import Meta
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from observatory.store.log_store import LogRecord
from observatory.store.trace_store import STATUS_ERROR, Span, Trace
from vshop.kit.telemetry import SHOP_SERVICES
from vshop.kit.telemetry.dialects import SPELLINGS

Kind = Literal["exceptions", "not-handled", "slow", "rejected"]
State = Literal["firing", "pending", "inactive"]

_SERVER, _PRODUCER, _CONSUMER = 2, 4, 5

_STATUS = ("http.response.status_code", SPELLINGS["http"]["http.response.status_code"])
# These bytes are not UTF-8, so only this attribute contains them.
_ACCEPTED = tuple(KeyValue(key=name, value=AnyValue(int_value=202)).SerializeToString() for name in _STATUS)


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule of ``rules.yaml``; ``unit`` is that of value and threshold.

    Without ``window_s``, it counts all stored traces, for a state that lasts. ``grace_s``: how long an order may stay unprocessed.
    ``labels``: the names by which it groups.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]*$")]
    kind: Kind
    title: str
    meaning: str
    severity: Literal["info", "warning", "critical"]
    window_s: Annotated[float, Meta(gt=0)] | None
    threshold: Annotated[float, Meta(gt=0)]
    unit: Literal["traces", "orders", "seconds"] = "orders"
    grace_s: Annotated[float, Meta(ge=0)] = 0
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _, needed = _EVALUATORS[self.kind]
        if len(self.labels) != needed:
            raise ValueError(f"{self.id} names {len(self.labels)} labels, but kind {self.kind} needs {needed}")

    def begins_ns(self, end_ns: int) -> int:
        """Return the start of the window that ends at ``end_ns``."""
        return 0 if self.window_s is None else end_ns - round(self.window_s * 10**9)

    @property
    def grace_ns(self) -> int:
        """Grace period in nanoseconds."""
        return round(self.grace_s * 10**9)


class RulesError(ValueError):
    """The rules file is missing or invalid."""


def load(path: Path) -> tuple[Rule, ...]:
    """Load the rules, or raise RulesError."""
    try:
        rules = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), tuple[Rule, ...])
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise RulesError(f"The alert rules in {path} are invalid: {error}") from error
    for rule_id, count in Counter(rule.id for rule in rules).items():
        if count > 1:
            raise RulesError(f"The alert rules in {path} are invalid: {rule_id} occurs twice")
    return rules


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's result for one set of labels.

    ``state``: ``pending`` if it will fire unless processing arrives in time. ``trace_ids``: the most relevant first. ``since_ns``:
    when it started to fire.
    """

    state: State
    value: float
    labels: tuple[str, ...] = ()
    trace_ids: tuple[bytes, ...] = ()
    since_ns: int | None = None


class Evidence:
    """The traces whose earliest span started in a window.

    ``sends``: orders that Kafka acknowledged, with their requests. ``exceptions``: type and time, by trace id.
    """

    def __init__(
        self,
        traces: Iterable[Trace],
        records: Iterable[LogRecord],
        *,
        since_ns: int,
        until_ns: int,
        now_ns: int,
        only: Container[bytes] | None = None,
    ) -> None:
        """Collect the evidence of a window, both ends inclusive; of all traces, or of those in ``only``."""
        self.now_ns = now_ns
        self.requests: list[Span] = []
        self.sends: list[tuple[Span, Span | None]] = []
        self.exceptions: dict[bytes, list[tuple[str, int]]] = {}
        self._processing: dict[tuple[bytes, bytes], list[Span]] = {}
        self._replays: dict[tuple[bytes, bytes], list[Span]] = {}
        trace_ids = set()
        for trace in traces:
            spans = list(trace.spans)  # the trace may grow during the evaluation
            if since_ns <= self._index(spans) <= until_ns and (only is None or trace.id in only):
                trace_ids.add(trace.id)
                self._add(spans)
        for record in records:
            if record.exception and record.trace_id in trace_ids and record.service in SHOP_SERVICES:
                self.exceptions.setdefault(record.trace_id, []).append((record.exception, record.time_ns))

    def _index(self, spans: Sequence[Span]) -> int:
        start_ns = 2**64
        for span in spans:
            if span.start_ns < start_ns:  # noqa: PLR1730 - min() is slow
                start_ns = span.start_ns
            kind = span.kind
            if kind == _CONSUMER and _is_processing(span):
                self._processing.setdefault((span.trace_id, span.parent_id), []).append(span)
                for link in span.links:
                    self._processing.setdefault(link, []).append(span)
            elif kind == _PRODUCER and _is_send(span, "stock-updater"):
                self._replays.setdefault((span.trace_id, span.parent_id), []).append(span)
        return start_ns

    def _add(self, spans: Sequence[Span]) -> None:
        requests, sends = [], []
        for span in spans:
            kind = span.kind
            if kind == _SERVER and span.name == "POST /orders" and span.service == "orders":
                requests.append(span)
            elif kind == _PRODUCER and _is_send(span, "orders"):
                sends.append(span)
            for exception in span.exceptions if span.service in SHOP_SERVICES else ():
                self.exceptions.setdefault(span.trace_id, []).append((exception, span.end_ns))
        self.requests += requests
        self.sends += [(send, _request_of(send, requests, spans)) for send in sends]

    def processing_of(self, send: Span) -> list[Span]:
        """Return an order's successful processing: children of the send or its replays, or linked to them."""
        key = (send.trace_id, send.span_id)
        found = self._processing.get(key, [])
        for replay in self._replays.get(key, ()):
            found = found + self._processing.get((replay.trace_id, replay.span_id), [])
        return found


def _is_send(span: Span, service: str) -> bool:
    return (
        span.status != STATUS_ERROR and span.name.startswith("send ") and not span.name.endswith(".dlq") and span.service == service
    )


def _is_processing(span: Span) -> bool:
    return span.status != STATUS_ERROR and span.name.startswith("process ") and span.service == "stock-updater"


def _request_of(send: Span, requests: Sequence[Span], spans: Sequence[Span]) -> Span | None:
    for request in requests:
        if request.span_id == send.parent_id:
            return request
    by_id = {span.span_id: span for span in spans}
    span: Span | None = send
    while span is not None and span not in requests:
        span = by_id.pop(span.parent_id, None)  # removed, because parents may form a cycle
    return span


def _http_status(span: Span) -> int | None:
    if any(accepted in span.raw for accepted in _ACCEPTED):
        return 202
    # The status is among the last attributes.
    for item in reversed(span.message().attributes):
        if item.key in _STATUS:
            return int(item.value.int_value)
    return None


def evaluate(rule: Rule, evidence: Evidence) -> Sequence[Finding]:
    """Return a finding for each set of labels that fires, the greatest value first, or else one pending or inactive finding."""
    found = sorted(_EVALUATORS[rule.kind][0](evidence, rule), key=lambda finding: (-finding.value, finding.labels))
    firing = [finding for finding in found if finding.state == "firing"]
    if firing:
        return firing
    pending = [finding for finding in found if finding.state == "pending"]
    return pending[:1] or [Finding(state="inactive", value=found[0].value if found else 0)]


class _Hit(NamedTuple):
    at_ns: int
    trace_id: bytes


def _count(rule: Rule, hits: Iterable[_Hit], *, labels: tuple[str, ...] = (), awaited: Iterable[_Hit] = ()) -> Finding:
    found, possible = sorted(hits), sorted(awaited)
    if len(found) >= rule.threshold:
        since_ns = found[math.ceil(rule.threshold) - 1].at_ns
        return Finding(state="firing", value=len(found), labels=labels, trace_ids=_newest_first(found), since_ns=since_ns)
    if possible and len(found) + len(possible) >= rule.threshold:
        return Finding(state="pending", value=len(found), labels=labels, trace_ids=_newest_first(found + possible))
    return Finding(state="inactive", value=len(found), labels=labels)


def _newest_first(hits: list[_Hit]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(hit.trace_id for hit in reversed(hits)))


def _exceptions(evidence: Evidence, rule: Rule) -> list[Finding]:
    hits: dict[str, list[_Hit]] = {}
    for trace_id, recorded in evidence.exceptions.items():
        for exception_type, at_ns in _first_of_each_type(recorded).items():
            hits.setdefault(exception_type, []).append(_Hit(at_ns, trace_id))
    return [_count(rule, found, labels=(exception_type,)) for exception_type, found in hits.items()]


def _first_of_each_type(recorded: Iterable[tuple[str, int]]) -> dict[str, int]:
    first: dict[str, int] = {}
    for exception_type, at_ns in recorded:
        first[exception_type] = min(at_ns, first.get(exception_type, at_ns))
    # Log records name the class, spans the class with its module.
    return {name: at_ns for name, at_ns in first.items() if not any(other.endswith(f".{name}") for other in first)}


def _not_handled(evidence: Evidence, rule: Rule) -> list[Finding]:
    missing: list[_Hit] = []
    awaited: list[_Hit] = []
    for send, _ in evidence.sends:
        if not evidence.processing_of(send):
            deadline_ns = send.end_ns + rule.grace_ns
            (missing if evidence.now_ns > deadline_ns else awaited).append(_Hit(deadline_ns, send.trace_id))
    return [_count(rule, missing, awaited=awaited)]


def _rejected(evidence: Evidence, rule: Rule) -> list[Finding]:
    hits: dict[int, list[_Hit]] = {}
    for request in evidence.requests:
        status = _http_status(request)
        if status is not None and status >= 400:
            hits.setdefault(status, []).append(_Hit(request.end_ns, request.trace_id))
    return [_count(rule, found, labels=(str(status),)) for status, found in hits.items()]


def _slow(evidence: Evidence, rule: Rule) -> list[Finding]:
    durations = sorted((end_ns - request.start_ns, end_ns, request.trace_id) for request, end_ns in _order_ends(evidence).items())
    if not durations:
        return []
    # Nearest rank: the smallest value that 95 of 100 do not exceed.
    value_s = durations[math.ceil(len(durations) * 95 / 100) - 1][0] / 10**9
    if value_s <= rule.threshold:
        return [Finding(state="inactive", value=value_s)]
    slow = [order for order in reversed(durations) if order[0] > rule.threshold * 10**9]
    return [
        Finding(
            state="firing",
            value=value_s,
            trace_ids=tuple(dict.fromkeys(trace_id for _, _, trace_id in slow)),
            since_ns=min(end_ns for _, end_ns, _ in slow),
        )
    ]


def _order_ends(evidence: Evidence) -> dict[Span, int]:
    ends: dict[Span, int] = {}
    for send, request in evidence.sends:
        processing = evidence.processing_of(send)
        if processing and request is not None and _http_status(request) == 202:
            ends[request] = max(ends.get(request, 0), *(span.end_ns for span in processing))
    return ends


_EVALUATORS: Mapping[Kind, tuple[Callable[[Evidence, Rule], list[Finding]], int]] = {
    "exceptions": (_exceptions, 1),
    "not-handled": (_not_handled, 0),
    "slow": (_slow, 0),
    "rejected": (_rejected, 1),
}
"""Each kind's function, and how many labels it groups by."""
