"""Goes through telemetry and yields what is wrong, item by item."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from vshop.conformance import findings
from vshop.conformance.findings import Fault
from vshop.conformance.rules import Group, load_rules
from vshop.corpus.otlp import Row, points
from vshop.spans import attributes

_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATUSES = ("UNSET", "OK", "ERROR")


class Spotted(NamedTuple):
    """A fault, and where: the group, the service, the item's name, and the trace where there is one."""

    fault: Fault
    group: str
    link: str
    service: str
    item: str
    trace_id: str


def of_span(row: Row) -> Iterator[Spotted]:
    """Yield what is wrong with a span and its events."""
    item, told = row.item, attributes(row.item.get("attributes", []))
    kind, status = _KINDS[item.get("kind", 0)], _STATUSES[item.get("status", {}).get("code", 0)]
    groups = [one for one in load_rules().spans if one.when.kind == kind and one.when.has in told]
    error = status == "ERROR"
    for group in groups:
        faults = [
            *findings.of_name(group, item["name"]),
            *findings.of_status(group, status, told),
            *findings.of_attributes(group, told, error=error),
        ]
        yield from _spotted(faults, group, row, item["name"])
    if not groups and kind != "INTERNAL":
        fault = Fault("kind", "", f"{kind} spans of no convention")
        yield Spotted(fault, "spans", "https://opentelemetry.io/docs/specs/semconv/", row.service, item["name"], item["traceId"])
    yield from _names(told, groups, row, item["name"])
    for event in item.get("events", []):
        yield from _event(event, row)


def of_log(row: Row) -> Iterator[Spotted]:
    """Yield what is wrong with a log record."""
    told = attributes(row.item.get("attributes", []))
    groups = [one for one in load_rules().logs if one.when.has in told]
    for group in groups:
        yield from _spotted(findings.of_attributes(group, told, error=False), group, row, "log")
    yield from _names(told, groups, row, "log")
    if not 1 <= int(row.item.get("severityNumber", 0)) <= 24:
        fault = Fault("value", "severityNumber", f"{row.item.get('severityNumber')} is no severity")
        link = "https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber"
        yield Spotted(fault, "logs", link, row.service, "log", row.item.get("traceId", ""))


def of_metric(row: Row) -> Iterator[Spotted]:
    """Yield what is wrong with a metric and its points."""
    kind, found = points(row.item)
    groups = [one for one in load_rules().metrics if one.id == row.item["name"]]
    for group in groups:
        unit = row.item.get("unit", "")
        faults = [Fault("instrument", "", f"is {kind}, not {group.instrument}")] if kind != group.instrument else []
        faults += [Fault("unit", "", f"is {unit!r}, not {group.unit!r}")] if unit != group.unit else []
        for point in found:
            faults += findings.of_attributes(group, attributes(point.get("attributes", [])), error=False)
        yield from _spotted(faults, group, row, row.item["name"])
    for point in found:
        yield from _names(attributes(point.get("attributes", [])), groups, row, row.item["name"])


def of_resource(row: Row) -> Iterator[Spotted]:
    """Yield what is wrong with a resource."""
    told = attributes(row.resource.get("attributes", []))
    groups = load_rules().resources
    for group in groups:
        yield from _spotted(findings.of_attributes(group, told, error=False), group, row, "resource")
    yield from _names(told, groups, row, "resource")


def _event(event: Mapping[str, Any], row: Row) -> Iterator[Spotted]:
    told = attributes(event.get("attributes", []))
    groups = [one for one in load_rules().events if one.when.name == event["name"]]
    for group in groups:
        yield from _spotted(findings.of_attributes(group, told, error=False), group, row, f"event {event['name']}")
    yield from _names(told, groups, row, f"event {event['name']}")


def _names(told: Mapping[str, Any], groups: Iterable[Group], row: Row, item: str) -> Iterator[Spotted]:
    group = next(iter(groups), None)
    for fault in findings.of_names(told):
        link = group.link if group else "https://opentelemetry.io/docs/specs/semconv/registry/attributes/"
        yield Spotted(fault, group.id if group else "registry", link, row.service, item, row.item.get("traceId", ""))


def _spotted(faults: Iterable[Fault], group: Group, row: Row, item: str) -> Iterator[Spotted]:
    for fault in faults:
        yield Spotted(fault, group.id, group.link, row.service, item, row.item.get("traceId", ""))
