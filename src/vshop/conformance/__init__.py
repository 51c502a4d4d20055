"""Checks telemetry against OpenTelemetry's semantic conventions.

``rules.yaml`` holds the rules, ``deviations.yaml`` known deviations of instrumentation libraries. The names of attributes come
from the package ``opentelemetry-semantic-conventions``.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from vshop.conformance.checks import LocatedMismatch, allowed, check_log, check_metric, check_resource, check_span
from vshop.conformance.rules import Deviation, load_deviations, load_rules
from vshop.corpus.otlp import Json, Row, Signal, rows
from vshop.kit.telemetry.dialects import Form

__all__ = ["ConformanceFinding", "ConformanceReport", "check"]


class ConformanceFinding(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A difference from the conventions, counted over all items.

    ``rule``: missing, type, value, name, kind, status, unknown, deprecated, instrument or unit. ``group``: such as ``http.server``.
    ``item``: the name of the span, metric or event. ``trace_id``: an example. ``deviation``: None for a violation.
    """

    rule: str
    group: str
    link: str
    service: str
    item: str
    attribute: str
    seen: str
    count: int
    trace_id: str
    deviation: Deviation | None = None


class ConformanceReport(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The result; ``schema`` is the version of the conventions."""

    schema: str
    checked: dict[str, int]
    violations: list[ConformanceFinding]
    deviations: list[ConformanceFinding]


def check(documents: Mapping[Signal, Iterable[Json]], dialect: Form = "stable") -> ConformanceReport:
    """Check OTLP JSON by signal. The dialects ``old`` and ``dup`` accept deprecated names."""
    taken: dict[Signal, list[Row]] = {
        signal: [row for one in found for row in rows(one, signal)] for signal, found in documents.items()
    }
    spans, logs, metrics = taken.get("traces", []), taken.get("logs", []), taken.get("metrics", [])
    resources = {msgspec.json.encode(row.resource): row for row in (*spans, *logs, *metrics)}
    found = list(_merged(_all(spans, logs, metrics, resources.values(), dialect)))
    return ConformanceReport(
        schema=load_rules().schema,
        checked={"spans": len(spans), "logRecords": len(logs), "metrics": len(metrics), "resources": len(resources)},
        violations=[one for one in found if one.deviation is None],
        deviations=[one for one in found if one.deviation is not None],
    )


def _all(
    spans: Iterable[Row], logs: Iterable[Row], metrics: Iterable[Row], resources: Iterable[Row], dialect: Form
) -> Iterator[LocatedMismatch]:
    for source, check_row in ((spans, check_span), (logs, check_log), (metrics, check_metric), (resources, check_resource)):
        for row in source:
            yield from (one for one in check_row(row) if not allowed(one.mismatch, dialect))


def _merged(located: Iterable[LocatedMismatch]) -> Iterator[ConformanceFinding]:
    counts: dict[tuple[str, ...], list[LocatedMismatch]] = {}
    for one in located:
        counts.setdefault((one.group, one.service, one.item, one.mismatch.rule, one.mismatch.attribute), []).append(one)
    for key in sorted(counts):
        first = counts[key][0]
        yield ConformanceFinding(
            rule=first.mismatch.rule,
            group=first.group,
            link=first.link,
            service=first.service,
            item=first.item,
            attribute=first.mismatch.attribute,
            seen=first.mismatch.seen,
            count=len(counts[key]),
            trace_id=first.trace_id,
            deviation=_known(first),
        )


def _known(located: LocatedMismatch) -> Deviation | None:
    for one in load_deviations():
        if (one.rule, one.group) == (located.mismatch.rule, located.group) and located.mismatch.attribute in one.attributes:
            return one
    return None
