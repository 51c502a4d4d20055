"""Checks spans, log records, metrics and resources against the rules."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from vshop.conformance.rules import Attribute, Group, deprecated, is_known, load_rules
from vshop.corpus.otlp import Row, points
from vshop.kit.telemetry.dialects import OLD_NAMES, Form, stable
from vshop.shop.spans import attributes, integer, kind_name, status_name

_TYPES = {"string": str, "int": int, "double": float, "boolean": bool, "string[]": list}


class Mismatch(NamedTuple):
    """A violated rule, with attribute and observed value."""

    rule: str
    attribute: str
    seen: str


class LocatedMismatch(NamedTuple):
    """With group, service, name of the item, and trace."""

    mismatch: Mismatch
    group: str
    link: str
    service: str
    item: str
    trace_id: str


def check_span(row: Row) -> Iterator[LocatedMismatch]:
    """Yield the mismatches of a span and its events."""
    item, title = row.item, str(row.item.get("name", ""))
    kind, status = kind_name(item.get("kind")), status_name((item.get("status") or {}).get("code"))
    labels = stable(kind, attributes(item.get("attributes", [])))
    groups = [one for one in load_rules().spans if one.when.kind == kind and one.when.has in labels]
    error = status == "ERROR"
    for group in groups:
        mismatches = [
            *_check_name(group, title),
            *_check_status(group, status, labels),
            *_check_attributes(group, labels, error=error),
        ]
        yield from _located(mismatches, group, row, title)
    if not groups and kind != "INTERNAL":
        mismatch = Mismatch("kind", "", f"no convention for {kind} spans like this")
        link = "https://opentelemetry.io/docs/specs/semconv/"
        yield LocatedMismatch(mismatch, "spans", link, row.service, title, item.get("traceId", ""))
    yield from _registry_checks(labels, groups, row, title)
    for event in item.get("events") or []:
        yield from _check_event(event, row)


def allowed(mismatch: Mismatch, dialect: Form) -> bool:
    """Return whether a dialect may differ so from the stable conventions."""
    match mismatch.rule:
        case "deprecated":
            return dialect != "stable"
        case "unknown":  # renamed before the conventions' registry noted it
            return dialect != "stable" and mismatch.attribute in OLD_NAMES
        case "unit":
            return dialect == "old"
        case "missing":
            return dialect == "old" and mismatch.attribute == "error.type"
    return False


def check_log(row: Row) -> Iterator[LocatedMismatch]:
    """Yield the mismatches of a log record."""
    labels = attributes(row.item.get("attributes", []))
    groups = [one for one in load_rules().logs if one.when.has in labels]
    for group in groups:
        yield from _located(_check_attributes(group, labels, error=False), group, row, "log")
    yield from _registry_checks(labels, groups, row, "log")
    if not 1 <= integer(row.item.get("severityNumber")) <= 24:
        mismatch = Mismatch("value", "severityNumber", f"{row.item.get('severityNumber')} is not a severity")
        link = "https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber"
        yield LocatedMismatch(mismatch, "logs", link, row.service, "log", row.item.get("traceId", ""))


def check_metric(row: Row) -> Iterator[LocatedMismatch]:
    """Yield the mismatches of a metric and its points."""
    (kind, found), title = points(row.item), str(row.item.get("name", ""))
    groups = [one for one in load_rules().metrics if one.id == title]
    for group in groups:
        unit = row.item.get("unit", "")
        mismatches = [Mismatch("instrument", "", f"is {kind}, not {group.instrument}")] if kind != group.instrument else []
        mismatches += [Mismatch("unit", "", f"is {unit!r}, not {group.unit!r}")] if unit != group.unit else []
        for point in found:
            mismatches += _check_attributes(group, stable("", attributes(point.get("attributes", []))), error=False)
        yield from _located(mismatches, group, row, title)
    for point in found:
        yield from _registry_checks(attributes(point.get("attributes", [])), groups, row, title)


def check_resource(row: Row) -> Iterator[LocatedMismatch]:
    """Yield the mismatches of a resource."""
    labels = attributes(row.resource.get("attributes", []))
    groups = load_rules().resources
    for group in groups:
        yield from _located(_check_attributes(group, labels, error=False), group, row, "resource")
    yield from _registry_checks(labels, groups, row, "resource")


def _check_event(event: Mapping[str, Any], row: Row) -> Iterator[LocatedMismatch]:
    labels = attributes(event.get("attributes", []))
    title = f"event {event.get('name', '')}"
    groups = [one for one in load_rules().events if one.when.name == event.get("name")]
    for group in groups:
        yield from _located(_check_attributes(group, labels, error=False), group, row, title)
    yield from _registry_checks(labels, groups, row, title)


def _registry_checks(labels: Mapping[str, Any], groups: Iterable[Group], row: Row, item: str) -> Iterator[LocatedMismatch]:
    group = next(iter(groups), None)
    for mismatch in _check_names(labels):
        link = group.link if group else "https://opentelemetry.io/docs/specs/semconv/registry/attributes/"
        yield LocatedMismatch(mismatch, group.id if group else "registry", link, row.service, item, row.item.get("traceId", ""))


def _located(mismatches: Iterable[Mismatch], group: Group, row: Row, item: str) -> Iterator[LocatedMismatch]:
    for mismatch in mismatches:
        yield LocatedMismatch(mismatch, group.id, group.link, row.service, item, row.item.get("traceId", ""))


def _check_attributes(group: Group, labels: Mapping[str, Any], *, error: bool) -> Iterator[Mismatch]:
    for name, rule in group.attributes.items():
        if name in labels:
            yield from _check_value(name, rule, labels[name])
        elif rule.need in {"required", "error" if error else "success"}:
            yield Mismatch("missing", name, "is missing" + (" on an error" if rule.need == "error" else ""))


def _check_names(labels: Mapping[str, Any]) -> Iterator[Mismatch]:
    for name in labels:
        reason = deprecated(name)
        if reason is not None:
            yield Mismatch("deprecated", name, reason)
        elif not is_known(name):
            yield Mismatch("unknown", name, "is neither in a convention nor in the shop's namespace")


def _check_status(group: Group, status: str, labels: Mapping[str, Any]) -> Iterator[Mismatch]:
    if status == "OK":
        yield Mismatch("status", "", "is OK, which instrumentations leave to the application")
    code = labels.get("http.response.status_code")
    if group.error_from is None or not isinstance(code, int):
        return
    if code >= group.error_from and status != "ERROR":
        yield Mismatch("status", "", f"is {status} with {code}")
    if code < group.error_from and status == "ERROR" and "error.type" not in labels:
        yield Mismatch("status", "", f"is ERROR with {code}, and no error.type")


def _check_name(group: Group, name: str) -> Iterator[Mismatch]:
    if group.name and not re.fullmatch(group.name, name):
        yield Mismatch("name", "", f"{name!r} does not match {group.name}")


def _check_value(name: str, rule: Attribute, value: Any) -> Iterator[Mismatch]:
    wanted = _TYPES[rule.type]
    right = isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))
    if not right or (rule.type == "string[]" and not all(isinstance(one, str) for one in value)):
        yield Mismatch("type", name, f"is {type(value).__name__}, not {rule.type}")
    elif rule.one_of and value not in rule.one_of:
        yield Mismatch("value", name, f"{value!r} is not one of {rule.one_of}")
    elif rule.matches and not re.search(rule.matches, str(value)):
        yield Mismatch("value", name, f"{str(value)[:100]!r} does not match {rule.matches}")
