"""Judges the trace of an accepted order: every hop of the golden tree, or the name of the one that is missing."""

from typing import NamedTuple

from vshop.spans import Span
from vshop.traces import Trace

ENTRY = "orders SERVER POST /orders"
ASKED = "orders CLIENT GET"
KNOWN = "auth-stub SERVER GET /api/v2/users/<user_id>"
SENT = "orders PRODUCER send"
TAKEN = "stock-updater CONSUMER process"
READ = "stock-updater CLIENT DynamoDB.GetItem"
WRITTEN = "stock-updater CLIENT DynamoDB.PutItem"


class Verdict(NamedTuple):
    """What a trace tells of its order."""

    missing: str | None
    """The first hop that is not there, beginning with its service; None when the trace is whole."""
    outcomes: tuple[str, ...] = ()
    """What became of the order each time it was taken from Kafka: applied, duplicate, sold_out, dead_lettered, or unanswered: the
    write went out, and DynamoDB's answer did not come."""

    @property
    def whole(self) -> bool:
        """Whether every hop is there."""
        return self.missing is None


def judge(trace: Trace) -> Verdict:
    """Walk an accepted order's way through its trace.

    Args:
        trace: all spans that have arrived; in link mode those of the linked trace as well.

    Returns:
        The verdict. A try that failed and came again may be there too; what counts is that one went the whole way.
    """
    taken = [span for span in trace.spans if span.service == "stock-updater" and span.kind == "CONSUMER"]
    outcomes = tuple(outcome for span in taken if (outcome := _outcome(trace, span)))
    return Verdict(_missing(trace, taken, outcomes), outcomes)


def _missing(trace: Trace, taken: list[Span], outcomes: tuple[str, ...]) -> str | None:
    entries = trace.find(service="orders", kind="SERVER")
    if not entries:
        return ENTRY
    below = [span for entry in entries for span in trace.children(entry)]
    asked = [span for span in below if span.kind == "CLIENT" and span.attributes.get("http.response.status_code") == 200]
    if not asked:
        return ASKED
    if not any(child.service == "auth-stub" for span in asked for child in trace.children(span)):
        return KNOWN
    sent = {(span.trace_id, span.span_id) for span in below if span.kind == "PRODUCER"}
    if not sent:
        return SENT
    received = [span for span in taken if (span.trace_id, span.parent_id) in sent or sent.intersection(span.links)]
    if not received or not set(outcomes) - {"unanswered"}:
        return TAKEN
    return _missing_call(trace, taken)


def _missing_call(trace: Trace, taken: list[Span]) -> str | None:
    """Look for what stock-updater must have asked of DynamoDB to come to its outcome."""
    for span in taken:
        outcome = span.attributes.get("shop.order.outcome")
        names = {child.name for child in trace.children(span)}
        if outcome is not None and "DynamoDB.GetItem" not in names:
            return READ
        if outcome in {"applied", "sold_out"} and "DynamoDB.PutItem" not in names:
            return WRITTEN
    return None


def _outcome(trace: Trace, taken: Span) -> str | None:
    outcome = taken.attributes.get("shop.order.outcome")
    if outcome is None and any(span.kind == "PRODUCER" and span.name.endswith(".dlq") for span in trace.children(taken)):
        return "dead_lettered"
    if outcome is None and any(span.name == "DynamoDB.PutItem" for span in trace.children(taken)):
        return "unanswered"
    return None if outcome is None else str(outcome)
