"""Describes incidents in words and commands."""

from collections.abc import Mapping
from typing import Any

from vshop.incidents.incident import Incident, Step
from vshop.incidents.patterns import By, LogPattern, MetricMove, SpanPattern
from vshop.incidents.telemetry_fault import TelemetryFault
from vshop.kit.telemetry.alterations import Alteration


def command(incident: Incident | TelemetryFault) -> str:
    """Return the shell command of a trigger."""
    return "; ".join(_step(step) for step in incident.trigger.steps)


def alteration_words(one: Alteration) -> str:
    """Return what an alteration does to whose telemetry."""
    of = f" of {', '.join(one.services)}" if one.services else ""
    which = f" {one.kind}" if one.kind else ""
    named = f" named {one.name}…" if one.name else ""
    details = {
        "ms": one.ms and f"{one.ms} ms",
        "keys": ", ".join(one.keys),
        "length": one.action == "cut" and f"to {one.length} characters",
        "count": one.action == "keep" and f"the first {one.count}",
        "ratio": one.action == "sample" and f"{one.ratio:.0%} by the {one.half} half of the trace id",
        "text": one.text,
    }
    added = ", ".join(str(text) for text in details.values() if text)
    return f"{one.action}{which} {' and '.join(one.signals)}{named}{of}" + (f": {added}" if added else "")


def commands(incident: Incident) -> list[str]:
    """Return the commands that show an incident, one a scope."""
    sent = command(incident)
    if incident.switch is None:
        return [sent]
    ways = {
        "global": f"vshop chaos on {incident.id} && {sent}; vshop chaos off {incident.id}",
        "request": f"{sent} --chaos {incident.id}",
    }
    return [text for scope, text in ways.items() if scope in incident.switch.scope]


def span_words(span: SpanPattern) -> str:
    """Return a pattern's service, kind, name and status."""
    words = [span.service, span.kind, span.name, span.status]
    return " ".join(str(word) for word in words if word is not None) or "any span"


def span_details(span: SpanPattern) -> list[str]:
    """Return a pattern's other fields."""
    details = [f"{span.relation or 'child or link'} of {span.under}"] if span.under else []
    details += [f"in the order's trace: {span.where}"] if span.where else []
    details += members(span.attributes)
    details += [f"message {span.status_message}"] if span.status_message is not None else []
    details += [f"takes {span.duration_ms} ms"] if span.duration_ms is not None else []
    details += [f"{span.links} links"] if span.links is not None else []
    if span.exception is not None:
        details.append(
            " ".join(["exception", *(str(part) for part in (span.exception.type, span.exception.message) if part is not None)])
        )
    count, nth = getattr(span, "count", None), getattr(span, "nth", None)
    details += [f"{count} of them"] if count is not None else []
    details += [f"number {nth}"] if nth is not None else []
    return details


def log_words(log: LogPattern) -> str:
    """Describe a log pattern."""
    words = [str(word) for word in (log.service, log.severity, log.body) if word is not None]
    words += [f"exception {log.exception.type}"] if log.exception is not None else []
    words += [f"in {log.correlated}"] if log.correlated else []
    return " ".join(words) + ("" if log.count is None else f" ({log.count} of them)")


def move_words(move: MetricMove) -> str:
    """Describe how a metric moves."""
    if isinstance(move.moves, By):
        how = f"by {move.moves.by:g}" if move.moves.by is not None else f"by {move.moves.at_least:g} or more"
    else:
        how = {"up": "up", "none": "not at all", "upAndBack": "up, and back"}[move.moves]
    return " ".join([move.name, *members(move.attributes)]) + f": {how}"


def members(values: Mapping[str, Any]) -> list[str]:
    """Return ``name=value`` of attributes, headers or labels."""
    return [f"{name}={value}" for name, value in values.items()]


def _step(step: Step) -> str:
    if step.order is None:
        return f"sleep {(step.wait_ms or 0) / 1000:g}"
    order = step.order
    words = ["vshop order", f"--item {order.item_id}"]
    words += [f"--quantity {order.quantity}"] if order.quantity != 1 else []
    words += [f"--user {order.user}"] if order.user else []
    words += [f"--discount {order.discount_code}"] if order.discount_code else []
    words += ["--no-token"] if step.token == "none" else []
    words += [f"--count {step.repeat}"] if step.repeat > 1 else []
    return " ".join(words)
