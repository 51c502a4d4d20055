"""Says parts of an incident in words and commands, for the command line and the documentation."""

from collections.abc import Mapping
from typing import Any

from vshop.incidents.expectation import By, LogPattern, MetricMove
from vshop.incidents.incident import Incident
from vshop.incidents.span_patterns import SpanPattern
from vshop.incidents.trigger import Step


def command(incident: Incident) -> str:
    """Say how a person sends an incident's trigger."""
    return "; ".join(_step(step) for step in incident.trigger.steps)


def commands(incident: Incident) -> list[str]:
    """Say how a person sees it: for everybody, and for one order alone."""
    sent = command(incident)
    if incident.switch is None:
        return [sent]
    ways = {
        "global": f"vshop chaos on {incident.id} && {sent}; vshop chaos off {incident.id}",
        "request": f"{sent} --chaos {incident.id}",
    }
    return [text for scope, text in ways.items() if scope in incident.switch.scope]


def span_words(span: SpanPattern) -> str:
    """Name a span's service, kind, name and status."""
    words = [span.service, span.kind, span.name, span.status]
    return " ".join(str(word) for word in words if word is not None) or "any span"


def span_details(span: SpanPattern) -> list[str]:
    """Say everything else that a file says of a span."""
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
    """Describe log records."""
    words = [str(word) for word in (log.service, log.severity, log.body) if word is not None]
    words += [f"exception {log.exception.type}"] if log.exception is not None else []
    words += [f"in {log.correlated}"] if log.correlated else []
    return " ".join(words) + ("" if log.count is None else f" ({log.count} of them)")


def move_words(move: MetricMove) -> str:
    """Say how a metric moves."""
    if isinstance(move.moves, By):
        how = f"by {move.moves.by:g}" if move.moves.by is not None else f"by {move.moves.at_least:g} or more"
    else:
        how = {"up": "up", "none": "not at all", "upAndBack": "up, and back"}[move.moves]
    return " ".join([move.name, *members(move.attributes)]) + f": {how}"


def members(values: Mapping[str, Any]) -> list[str]:
    """Say each of some attributes, headers or labels."""
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
    return " ".join(words) + (f"  # {step.repeat} times" if step.repeat > 1 else "")
