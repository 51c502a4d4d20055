"""Compares orders' telemetry with ``expect``'s spans and logs."""

from collections.abc import Sequence
from typing import Any, get_args

from vshop.incidents.patterns import Expect, LogPattern, Severity
from vshop.incidents.verify.observation import Observation
from vshop.incidents.verify.span_match import Bound, absent_checks, search_spans, span_checks
from vshop.incidents.verify.value_match import exception_mismatch, mismatch, mismatches, shown
from vshop.incidents.verify.verdict import Check, Culprit


def present_checks(expect: Expect, observations: Sequence[Observation]) -> list[Check]:
    """Check that every observation has the expected spans and logs."""
    checks: list[Check] = []
    for observation in observations:
        found = search_spans(expect.spans, observation)
        checks += span_checks(expect.spans, found)
        checks += log_checks(expect.logs, observation, found.bound)
    return checks


def forbidden_checks(expect: Expect, observations: Sequence[Observation]) -> list[Check]:
    """Check that no forbidden span is there; the traces must be complete."""
    return [
        check
        for observation in observations
        for check in absent_checks(expect.absent, observation, bind_spans(expect, observation))
    ]


def bind_spans(expect: Expect, observation: Observation) -> Bound:
    """Return the spans found, by their names in the file."""
    return search_spans(expect.spans, observation).bound


def culprits(expect: Expect, observations: Sequence[Observation]) -> list[Culprit]:
    """Return the root cause's span of each observation; for a missing span, the last one before the gap."""
    labels = [span.label for span in expect.spans if span.root_cause]
    labels += [span.under for span in expect.absent if span.root_cause and span.under is not None]
    found = (bind_spans(expect, observation).get(label) for observation in observations for label in labels)
    return [Culprit(seen.span.trace_id, seen.span.span_id) for seen in found if seen is not None]


_SEVERITIES: tuple[str, ...] = get_args(Severity)


def log_checks(patterns: Sequence[LogPattern], observation: Observation, bound: Bound) -> list[Check]:
    """Check that as many records match each pattern as expected."""
    return [_check(pattern, observation, bound) for pattern in patterns]


def _check(pattern: LogPattern, observation: Observation, bound: Bound) -> Check:
    fitting = [record for record in observation.logs if not _differences(record, pattern, bound)]
    reason = mismatch(pattern.count, len(fitting)) if pattern.count is not None else (None if fitting else "there is none")
    expected = _described(pattern)
    if reason is None:
        evidence = _evidence(fitting[0]) if fitting else {}
        return Check(what="log", ok=True, expected=expected, seen=f"{len(fitting)} such", evidence=evidence)
    if fitting:
        return Check(
            what="log", ok=False, expected=expected, seen=f"number of such records: {reason}", evidence=_evidence(fitting[0])
        )
    return Check(what="log", ok=False, expected=expected, seen=_closest(pattern, observation.logs, bound))


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
    return max(0, (int(record["severityNumber"]) - 1) // 4)


def _closest(pattern: LogPattern, logs: Sequence[dict[str, Any]], bound: Bound) -> str:
    if not logs:
        return "there is no log record in its traces"
    record = min(logs, key=lambda one: len(_differences(one, pattern, bound)))
    differences = ", ".join(_differences(record, pattern, bound))
    return f"closest is {record['service']} {record['severity']} {shown(record['body'])}: {differences}"


def _described(pattern: LogPattern) -> str:
    words = [pattern.service, pattern.severity, pattern.body]
    said = " ".join(str(word) for word in words if word is not None)
    number = "" if pattern.count is None else f", {pattern.count} of them"
    return f"{said or 'a record'}{f' in {pattern.correlated}' if pattern.correlated else ''}{number}"


def _evidence(record: dict[str, Any]) -> dict[str, Any]:
    return {"time": record["time"], "body": str(record["body"])[:300], "traceId": record["traceId"], "spanId": record["spanId"]}
