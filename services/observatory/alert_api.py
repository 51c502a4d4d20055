"""``GET /api/alerts``: what the alert rules say about the traces that are held."""

import difflib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from flask import Blueprint, Response, request

from observatory import moments
from observatory.alerting.evaluation import evaluate
from observatory.alerting.evidence import Evidence
from observatory.alerting.finding import Finding
from observatory.alerting.rule import Rule
from observatory.answers import json_answer
from observatory.log_store import LogStore
from observatory.trace_store import TraceStore
from vshop.kit.problems import Problem

MAX_TRACE_IDS = 10
"""Most trace ids shown of one alert."""


def blueprint(traces: TraceStore, logs: LogStore, rules: Sequence[Rule], now_ns: Callable[[], int]) -> Blueprint:
    """Make the endpoint that judges the rules.

    Args:
        traces: what is judged.
        logs: log records, for the exceptions among them.
        rules: the rules.
        now_ns: the clock, in nanoseconds since the epoch.
    """
    api = Blueprint("alerts", __name__)

    @api.get("/api/alerts")
    def alerts() -> Response:
        now = now_ns()
        since, until = _moment("since"), _moment("until")
        # Without until, a since that lies ahead is taken as it is: the asker's clock may be a little fast.
        end = max(now, since or 0) if until is None else until
        if since is not None and since > end:
            raise Problem(400, f"since ({moments.rfc3339(since)}) is later than until ({moments.rfc3339(end)}).", field="since")
        wanted = _wanted(rules)
        held, records = traces.traces(), logs.records()

        @cache
        def evidence_since(begin: int) -> Evidence:
            return Evidence(held, records, since_ns=begin, until_ns=end, now_ns=now)

        judged = [
            (rule, finding)
            for rule in wanted
            for finding in evaluate(rule, evidence_since(end - rule.window_ns if since is None else since))
        ]
        return json_answer(
            {
                "evaluatedAt": moments.rfc3339(now),
                "window": {"since": None if since is None else moments.rfc3339(since), "until": moments.rfc3339(end)},
                "alerts": [_as_json(rule, finding) for rule, finding in judged],
            }
        )

    return api


def _moment(name: str) -> int | None:
    text = request.args.get(name, "")
    try:
        return moments.read(text) if text else None
    except ValueError as error:
        raise Problem(400, f"{name} cannot be used: {error}.", field=name) from error


def _wanted(rules: Sequence[Rule]) -> Sequence[Rule]:
    by_id = {rule.id: rule for rule in rules}
    ids = [rule_id for rule_id in request.args.getlist("rule") if rule_id]
    for rule_id in ids:
        if rule_id not in by_id:
            near = difflib.get_close_matches(rule_id, by_id, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the rules are {', '.join(by_id)}."
            raise Problem(400, f"There is no rule {rule_id!r}; {hint}", field="rule")
    return [rule for rule in rules if not ids or rule.id in ids]


def _as_json(rule: Rule, finding: Finding) -> dict[str, Any]:
    shown = {
        "rule": rule.id,
        "title": rule.title,
        "meaning": rule.meaning,
        "severity": rule.severity,
        "state": finding.state,
        "value": finding.value,
        "threshold": rule.threshold,
        "windowSeconds": rule.window_s,
        "labels": dict(zip(rule.labels, finding.labels, strict=False)),  # an inactive one has none
        "traceIds": [trace_id.hex() for trace_id in finding.trace_ids[:MAX_TRACE_IDS]],
    }
    return shown if finding.since_ns is None else shown | {"since": moments.rfc3339(finding.since_ns)}
