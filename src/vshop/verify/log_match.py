"""Compares the log records of a trigger's traces with what a file expects of them."""

from collections.abc import Sequence
from typing import Any, get_args

from vshop.incidents.expectation import LogPattern, Severity
from vshop.verify.scene import Scene
from vshop.verify.span_match import Bound
from vshop.verify.values import exception_mismatch, mismatch, mismatches, shown
from vshop.verify.verdict import Check

_SEVERITIES: tuple[str, ...] = get_args(Severity)


def log_checks(patterns: Sequence[LogPattern], scene: Scene, bound: Bound) -> list[Check]:
    """Report whether there are as many records as expected of each pattern."""
    return [_check(pattern, scene, bound) for pattern in patterns]


def _check(pattern: LogPattern, scene: Scene, bound: Bound) -> Check:
    fitting = [record for record in scene.logs if not _differences(record, pattern, bound)]
    reason = mismatch(pattern.count, len(fitting)) if pattern.count is not None else (None if fitting else "there is none")
    expected = _described(pattern)
    if reason is None:
        evidence = _evidence(fitting[0]) if fitting else {}
        return Check(what="log", ok=True, expected=expected, seen=f"{len(fitting)} such", evidence=evidence)
    if fitting:
        return Check(
            what="log", ok=False, expected=expected, seen=f"number of such records: {reason}", evidence=_evidence(fitting[0])
        )
    return Check(what="log", ok=False, expected=expected, seen=_closest(pattern, scene.logs, bound))


def _differences(record: dict[str, Any], pattern: LogPattern, bound: Bound) -> list[str]:
    found = [
        f"{what} {reason}"
        for what, expected, actual in (("service.name", pattern.service, record["service"]), ("body", pattern.body, record["body"]))
        if (reason := mismatch(expected, actual)) is not None
    ]
    if pattern.severity is not None and _rank(record) < _SEVERITIES.index(pattern.severity):
        found.append(f"severity {record['severity']} is below {pattern.severity}")
    found += mismatches(pattern.attributes, record["attributes"])
    if pattern.exception is not None:
        exception = record.get("exception") or {}
        reason = exception_mismatch(pattern.exception, exception.get("type"), exception.get("message"))
        found += [reason] if reason is not None else []
    if pattern.correlated is not None:
        seen = bound.get(pattern.correlated)
        if seen is None or record["spanId"] != seen.span.span_id:
            found.append(f"it was not written in {pattern.correlated}")
    return found


def _rank(record: dict[str, Any]) -> int:
    """Return which of the severities a record has; each stands for four numbers (OpenTelemetry's data model of logs)."""
    return max(0, (int(record["severityNumber"]) - 1) // 4)


def _closest(pattern: LogPattern, logs: Sequence[dict[str, Any]], bound: Bound) -> str:
    if not logs:
        return "there is no log record in its traces"
    record = min(logs, key=lambda one: len(_differences(one, pattern, bound)))
    told = ", ".join(_differences(record, pattern, bound))
    return f"closest is {record['service']} {record['severity']} {shown(record['body'])}: {told}"


def _described(pattern: LogPattern) -> str:
    words = [pattern.service, pattern.severity, pattern.body]
    said = " ".join(str(word) for word in words if word is not None)
    number = "" if pattern.count is None else f", {pattern.count} of them"
    return f"{said or 'a record'}{f' in {pattern.correlated}' if pattern.correlated else ''}{number}"


def _evidence(record: dict[str, Any]) -> dict[str, Any]:
    return {"time": record["time"], "body": str(record["body"])[:300], "traceId": record["traceId"], "spanId": record["spanId"]}
