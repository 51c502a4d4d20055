"""The report: what is not as the conventions say, each thing once, and which of it is known."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from vshop.conformance.items import Spotted, of_log, of_metric, of_resource, of_span
from vshop.conformance.rules import Deviation, load_deviations, load_rules
from vshop.corpus.otlp import Json, Row, Signal, rows


class Finding(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One thing that is not as the conventions say, however often it was seen.

    Attributes:
        rule: missing, type, value, name, kind, status, unknown, deprecated, instrument or unit.
        group: the group of rules, such as ``http.server``.
        link: leads to the convention.
        service: whose telemetry it is.
        item: the span's, metric's or event's name.
        attribute: which attribute; empty where it is about something else.
        seen: what was seen.
        count: how often.
        trace_id: a trace in which to see it.
        deviation: who does it and why it stays so; None for a violation.
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


class Report(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What was checked, and what was found.

    Attributes:
        schema: the version of the conventions.
        checked: how many spans, log records, metrics and resources.
        violations: what nobody has an excuse for.
        deviations: what is known, with its reason.
    """

    schema: str
    checked: dict[str, int]
    violations: list[Finding]
    deviations: list[Finding]


def check(documents: Mapping[Signal, Iterable[Json]]) -> Report:
    """Hold telemetry against the conventions.

    Args:
        documents: OTLP as JSON, by signal.
    """
    taken: dict[Signal, list[Row]] = {
        signal: [row for one in found for row in rows(one, signal)] for signal, found in documents.items()
    }
    spans, logs, metrics = taken.get("traces", []), taken.get("logs", []), taken.get("metrics", [])
    resources = {msgspec.json.encode(row.resource): row for row in (*spans, *logs, *metrics)}
    found = list(_merged(_all(spans, logs, metrics, resources.values())))
    return Report(
        schema=load_rules().schema,
        checked={"spans": len(spans), "logRecords": len(logs), "metrics": len(metrics), "resources": len(resources)},
        violations=[one for one in found if one.deviation is None],
        deviations=[one for one in found if one.deviation is not None],
    )


def _all(spans: Iterable[Row], logs: Iterable[Row], metrics: Iterable[Row], resources: Iterable[Row]) -> Iterator[Spotted]:
    for source, look in ((spans, of_span), (logs, of_log), (metrics, of_metric), (resources, of_resource)):
        for row in source:
            yield from look(row)


def _merged(spotted: Iterable[Spotted]) -> Iterator[Finding]:
    """Put together what is the same thing in the same place."""
    counts: dict[tuple[str, ...], list[Spotted]] = {}
    for one in spotted:
        counts.setdefault((one.group, one.service, one.item, one.fault.rule, one.fault.attribute), []).append(one)
    for key in sorted(counts):
        first = counts[key][0]
        yield Finding(
            rule=first.fault.rule,
            group=first.group,
            link=first.link,
            service=first.service,
            item=first.item,
            attribute=first.fault.attribute,
            seen=first.fault.seen,
            count=len(counts[key]),
            trace_id=first.trace_id,
            deviation=_known(first),
        )


def _known(spotted: Spotted) -> Deviation | None:
    for one in load_deviations():
        if (one.rule, one.group) == (spotted.fault.rule, spotted.group) and spotted.fault.attribute in one.attributes:
            return one
    return None
