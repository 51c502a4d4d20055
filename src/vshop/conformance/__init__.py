"""Checks telemetry against OpenTelemetry's semantic conventions.

``rules.yaml`` holds the rules, ``deviations.yaml`` known deviations of instrumentation libraries. The names of attributes come
from the package ``opentelemetry-semantic-conventions``.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from vshop.conformance.rules import Attribute, Deviation, Group, deprecated, is_known, load_deviations, load_rules
from vshop.corpus.otlp import Json, Row, Signal, points, rows
from vshop.kit.telemetry.dialects import OLD_NAMES, Form, stable
from vshop.shop.spans import attributes, integer, kind_name, status_name

__all__ = ["ConformanceFinding", "ConformanceReport", "check"]

_TYPES = {"string": str, "int": int, "double": float, "boolean": bool, "string[]": list}
_SEMCONV = "https://opentelemetry.io/docs/specs/semconv/"
_NO_CONVENTION = Group(id="spans", link=_SEMCONV, attributes={})
_REGISTRY = Group(id="registry", link=f"{_SEMCONV}registry/attributes/", attributes={})
_SEVERITY = "https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber"

Mismatches = Iterable[tuple[str, str, str]]
"""Rule, attribute and observed value of each."""


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
    count: int = 1
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
    checks: list[tuple[Iterable[Row], Callable[[Row], Iterator[ConformanceFinding]]]] = [
        (spans, check_span),
        (logs, check_log),
        (metrics, check_metric),
        (resources.values(), check_resource),
    ]
    single = (one for source, check_row in checks for row in source for one in check_row(row) if not _allowed(one, dialect))
    found = _merged(single)
    return ConformanceReport(
        schema=load_rules().schema,
        checked={"spans": len(spans), "logRecords": len(logs), "metrics": len(metrics), "resources": len(resources)},
        violations=[one for one in found if one.deviation is None],
        deviations=[one for one in found if one.deviation is not None],
    )


def _merged(single: Iterable[ConformanceFinding]) -> list[ConformanceFinding]:
    alike: dict[tuple[str, ...], list[ConformanceFinding]] = {}
    for one in single:
        alike.setdefault((one.group, one.service, one.item, one.rule, one.attribute), []).append(one)
    return [msgspec.structs.replace(found[0], count=len(found), deviation=_known(found[0])) for _, found in sorted(alike.items())]


def _known(finding: ConformanceFinding) -> Deviation | None:
    for one in load_deviations():
        if (one.rule, one.group) == (finding.rule, finding.group) and finding.attribute in one.attributes:
            return one
    return None


def _allowed(finding: ConformanceFinding, dialect: Form) -> bool:
    """Whether a dialect may differ so from the stable conventions."""
    match finding.rule:
        case "deprecated":
            return dialect != "stable"
        case "unknown":  # renamed before the conventions' registry noted it
            return dialect != "stable" and finding.attribute in OLD_NAMES
        case "unit":
            return dialect == "old"
        case "missing":
            return dialect == "old" and finding.attribute == "error.type"
    return False


def check_span(row: Row) -> Iterator[ConformanceFinding]:
    """Yield the findings of a span and its events."""
    item, title = row.item, str(row.item.get("name", ""))
    kind, status = kind_name(item.get("kind")), status_name((item.get("status") or {}).get("code"))
    labels = stable(kind, attributes(item.get("attributes")))
    groups = [one for one in load_rules().spans if one.when.kind == kind and one.when.has in labels]
    for group in groups:
        yield from _located([*_check_name(group, title), *_check_status(group, status, labels)], row, title, group)
    if not groups and kind != "INTERNAL":
        yield from _located([("kind", "", f"no convention for {kind} spans like this")], row, title, _NO_CONVENTION)
    yield from _check_attributes(labels, row, title, groups, error=status == "ERROR")
    for event in item.get("events") or []:
        name = event.get("name", "")
        of_event = [one for one in load_rules().events if one.when.name == name]
        yield from _check_attributes(attributes(event.get("attributes")), row, f"event {name}", of_event)


def check_log(row: Row) -> Iterator[ConformanceFinding]:
    """Yield the findings of a log record."""
    labels, severity = attributes(row.item.get("attributes")), row.item.get("severityNumber")
    yield from _check_attributes(labels, row, "log", [one for one in load_rules().logs if one.when.has in labels])
    if not 1 <= integer(severity) <= 24:
        group = Group(id="logs", link=_SEVERITY, attributes={})
        yield from _located([("value", "severityNumber", f"{severity} is not a severity")], row, "log", group)


def check_metric(row: Row) -> Iterator[ConformanceFinding]:
    """Yield the findings of a metric and its points."""
    (kind, found), title, unit = points(row.item), str(row.item.get("name", "")), row.item.get("unit", "")
    groups = [one for one in load_rules().metrics if one.id == title]
    for group in groups:
        if kind != group.instrument:
            yield from _located([("instrument", "", f"is {kind}, not {group.instrument}")], row, title, group)
        if unit != group.unit:
            yield from _located([("unit", "", f"is {unit!r}, not {group.unit!r}")], row, title, group)
    for point in found:
        yield from _check_attributes(stable("", attributes(point.get("attributes"))), row, title, groups)


def check_resource(row: Row) -> Iterator[ConformanceFinding]:
    """Yield the findings of a resource."""
    yield from _check_attributes(attributes(row.resource.get("attributes")), row, "resource", load_rules().resources)


def _located(mismatches: Mismatches, row: Row, item: str, group: Group) -> Iterator[ConformanceFinding]:
    where = {"group": group.id, "link": group.link, "service": row.service, "item": item, "trace_id": row.item.get("traceId", "")}
    return (ConformanceFinding(rule=rule, attribute=attribute, seen=seen, **where) for rule, attribute, seen in mismatches)


def _check_attributes(
    labels: Mapping[str, Any], row: Row, item: str, groups: list[Group], *, error: bool = False
) -> Iterator[ConformanceFinding]:
    for group in groups:
        yield from _located(_check_group(group, labels, error=error), row, item, group)
    yield from _located(_check_names(labels), row, item, groups[0] if groups else _REGISTRY)


def _check_group(group: Group, labels: Mapping[str, Any], *, error: bool) -> Mismatches:
    for name, rule in group.attributes.items():
        if name in labels:
            yield from _check_value(name, rule, labels[name])
        elif rule.need in {"required", "error" if error else "success"}:
            yield "missing", name, "is missing" + (" on an error" if rule.need == "error" else "")


def _check_names(labels: Mapping[str, Any]) -> Mismatches:
    for name in labels:
        reason = deprecated(name)
        if reason is not None:
            yield "deprecated", name, reason
        elif not is_known(name):
            yield "unknown", name, "is neither in a convention nor in the shop's namespace"


def _check_status(group: Group, status: str, labels: Mapping[str, Any]) -> Mismatches:
    if status == "OK":
        yield "status", "", "is OK, which instrumentations leave to the application"
    code = labels.get("http.response.status_code")
    if group.error_from is None or not isinstance(code, int):
        return
    if code >= group.error_from and status != "ERROR":
        yield "status", "", f"is {status} with {code}"
    if code < group.error_from and status == "ERROR" and "error.type" not in labels:
        yield "status", "", f"is ERROR with {code}, and no error.type"


def _check_name(group: Group, name: str) -> Mismatches:
    if group.name and not re.fullmatch(group.name, name):
        yield "name", "", f"{name!r} does not match {group.name}"


def _check_value(name: str, rule: Attribute, value: Any) -> Mismatches:
    wanted = _TYPES[rule.type]
    right = isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
    if not right or (rule.type == "string[]" and not all(isinstance(one, str) for one in value)):
        yield "type", name, f"is {type(value).__name__}, not {rule.type}"
    elif rule.one_of and value not in rule.one_of:
        yield "value", name, f"{value!r} is not one of {rule.one_of}"
    elif rule.matches and not re.search(rule.matches, str(value)):
        yield "value", name, f"{str(value)[:100]!r} does not match {rule.matches}"
