"""Compares the alerts with those that must fire and those that must not."""

from collections.abc import Sequence
from typing import Any

from vshop.incidents.patterns import AlertPattern, Alerts
from vshop.incidents.verify.value_match import mismatches
from vshop.incidents.verify.verdict import Check


def firing_checks(patterns: Sequence[AlertPattern], alerts: Sequence[dict[str, Any]]) -> list[Check]:
    """Check that the expected alerts fire."""
    return [_check(pattern, alerts, wanted=True) for pattern in patterns]


def silent_checks(expected: Alerts, alerts: Sequence[dict[str, Any]]) -> list[Check]:
    """Check that alerts that must not fire do not."""
    return [_check(pattern, alerts, wanted=False) for pattern in expected.silent]


def _check(pattern: AlertPattern, alerts: Sequence[dict[str, Any]], *, wanted: bool) -> Check:
    of_rule = [alert for alert in alerts if alert["rule"] == pattern.rule]
    firing = [alert for alert in of_rule if alert["state"] == "firing" and not mismatches(pattern.labels, alert.get("labels", {}))]
    labels = "".join(f" {name}={value}" for name, value in pattern.labels.items())
    states = [f"{alert['state']}{_labels(alert)}" for alert in of_rule]
    return Check(
        what="alert",
        ok=bool(firing) == wanted,
        expected=f"{pattern.rule}{labels} {'fires' if wanted else 'does not fire'}",
        seen=", ".join(states) or "the observatory does not know this rule",
        evidence={"alert": firing[0]} if firing else {},
    )


def _labels(alert: dict[str, Any]) -> str:
    return "".join(f" {name}={value}" for name, value in alert.get("labels", {}).items())
