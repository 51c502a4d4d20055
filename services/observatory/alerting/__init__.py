"""``GET /api/alerts`` evaluates the rules at each request."""

import difflib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from flask import Blueprint, Response, request

from observatory.alerting.evaluation import Evidence, Finding, Rule, evaluate, load
from observatory.query import json_response, param, parse_trace_id, parse_value
from observatory.store import Stores
from vshop.kit.http.problems import Problem
from vshop.kit.times import parse_time, rfc3339

__all__ = ["Rule", "blueprint", "load"]

_MAX_TRACE_IDS = 10


def blueprint(stores: Stores, rules: Sequence[Rule], now_ns: Callable[[], int]) -> Blueprint:
    """Build the endpoint."""
    api = Blueprint("alerts", __name__)

    @api.get("/api/alerts")
    def alerts() -> Response:
        now = param(request.args, "at", parse_time, now_ns())
        since = param(request.args, "since", parse_time, None)
        # Without until, a since in the future is accepted: the caller's clock may be slightly fast.
        end = param(request.args, "until", parse_time, max(now, since or 0))
        if since is not None and since > end:
            raise Problem(400, f"since ({rfc3339(since)}) is later than until ({rfc3339(end)}).", field="since")
        requested, only = _requested(rules), _trace_ids()
        all_traces, records = stores.traces.traces(), stores.logs.records()

        @cache
        def evidence_since(begin: int) -> Evidence:
            return Evidence(all_traces, records, since_ns=begin, until_ns=end, now_ns=now, only=only)

        found = [
            (rule, finding)
            for rule in requested
            for finding in evaluate(rule, evidence_since(rule.begins_ns(end) if since is None else since))
        ]
        return json_response(
            {
                "evaluatedAt": rfc3339(now),
                "window": {"since": None if since is None else rfc3339(since), "until": rfc3339(end)},
                "alerts": [_as_json(rule, finding) for rule, finding in found],
            }
        )

    return api


def _trace_ids() -> frozenset[bytes] | None:
    texts = request.args.getlist("traceId")
    return frozenset(parse_value("traceId", text, parse_trace_id) for text in texts) if texts else None


def _requested(rules: Sequence[Rule]) -> Sequence[Rule]:
    by_id = {rule.id: rule for rule in rules}
    ids = [rule_id for rule_id in request.args.getlist("rule") if rule_id]
    for rule_id in ids:
        if rule_id not in by_id:
            near = difflib.get_close_matches(rule_id, by_id, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the rules are {', '.join(by_id)}."
            raise Problem(400, f"Unknown rule {rule_id!r}; {hint}", field="rule")
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
        "unit": rule.unit,
        "windowSeconds": rule.window_s,
        "labels": dict(zip(rule.labels, finding.labels, strict=False)),  # an inactive finding has no labels
        "traceIds": [trace_id.hex() for trace_id in finding.trace_ids[:_MAX_TRACE_IDS]],
    }
    return shown if finding.since_ns is None else shown | {"since": rfc3339(finding.since_ns)}
