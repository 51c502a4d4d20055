"""Compares orders' telemetry with ``expect``'s spans, logs and alerts."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from vshop.incidents.patterns import AlertPattern, Expect, LogPattern, Severity
from vshop.incidents.verify.observation import Observation
from vshop.incidents.verify.span_match import Bound, absent_checks, search_spans, span_checks
from vshop.incidents.verify.value_match import exception_mismatch, mismatch, mismatches, shown
from vshop.incidents.verify.verdict import Check, Culprit
from vshop.incidents.wording import log_words, members


def telemetry_checks(expect: Expect, observations: Sequence[Observation]) -> list[Check]:
    """Check spans and logs, and that no forbidden span is there; the traces must be complete."""
    checks = present_checks(expect, observations)
    for observation in observations:
        checks += absent_checks(expect.absent, observation, bind_spans(expect, observation))
    return checks


def present_checks(expect: Expect, observations: Sequence[Observation]) -> list[Check]:
    """Check that every observation has the expected spans and logs."""
    checks: list[Check] = []
    for observation in observations:
        found = search_spans(expect.spans, observation)
        checks += span_checks(expect.spans, found)
        checks += [log_check(pattern, observation, found.bound) for pattern in expect.logs]
    return checks


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


def log_check(pattern: LogPattern, observation: Observation, bound: Bound) -> Check:
    """Check that as many records match a pattern as expected."""
    differences = [(_differences(record, pattern, bound), record) for record in observation.logs]
    fitting = [record for differing, record in differences if not differing]
    reason = "there is none" if pattern.count is None and not fitting else mismatch(pattern.count, len(fitting))
    if reason is None:
        seen = f"{len(fitting)} such"
    elif fitting:
        seen = f"number of such records: {reason}"
    elif differences:
        differing, record = min(differences, key=lambda pair: len(pair[0]))
        seen = f"closest is {record['service']} {record['severity']} {shown(record['body'])}: {', '.join(differing)}"
    else:
        seen = "there is no log record in its traces"
    evidence = {}
    if fitting:
        first = fitting[0]
        evidence = {name: first[name] for name in ("time", "body", "traceId", "spanId")} | {"body": str(first["body"])[:300]}
    return Check(what="log", ok=reason is None, expected=log_words(pattern), seen=seen, evidence=evidence)


def _differences(record: dict[str, Any], pattern: LogPattern, bound: Bound) -> list[str]:
    wanted = {"service.name": pattern.service, "body": pattern.body}
    found = mismatches(wanted, {"service.name": record["service"], "body": record["body"]})
    rank = max(0, (int(record["severityNumber"]) - 1) // 4)
    if pattern.severity is not None and rank < _SEVERITIES.index(pattern.severity):
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


def alert_checks(patterns: Sequence[AlertPattern], alerts: Sequence[Mapping[str, Any]], *, fire: bool) -> list[Check]:
    """Check that each alert fires, or does not."""
    return [_alert_check(pattern, alerts, wanted=fire) for pattern in patterns]


def _alert_check(pattern: AlertPattern, alerts: Sequence[Mapping[str, Any]], *, wanted: bool) -> Check:
    of_rule = [alert for alert in alerts if alert["rule"] == pattern.rule]
    firing = [alert for alert in of_rule if alert["state"] == "firing" and not mismatches(pattern.labels, alert.get("labels", {}))]
    return Check(
        what="alert",
        ok=bool(firing) == wanted,
        expected=" ".join([pattern.rule, *members(pattern.labels), "fires" if wanted else "does not fire"]),
        seen=", ".join(" ".join([alert["state"], *members(alert.get("labels", {}))]) for alert in of_rule)
        or "the observatory does not know this rule",
        evidence={"alert": firing[0]} if firing else {},
    )
