"""What a rule finds."""

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from observatory.alerting.rule import Rule

State = Literal["firing", "pending", "inactive"]


class Hit(NamedTuple):
    """One thing that a rule counts: when it came about (nanoseconds since the epoch), and its trace."""

    at_ns: int
    trace_id: bytes


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule says about one set of labels.

    Attributes:
        state: ``firing``; ``pending``, when it will fire unless what is awaited comes in time; or ``inactive``.
        value: what was counted or measured.
        labels: values of the rule's labels, in their order.
        trace_ids: traces to look at, the most telling first; each once.
        since_ns: when it began to hold, nanoseconds since the epoch; None unless firing.
    """

    state: State
    value: float
    labels: tuple[str, ...] = ()
    trace_ids: tuple[bytes, ...] = ()
    since_ns: int | None = None


def counted(rule: Rule, hits: Iterable[Hit], *, labels: tuple[str, ...] = (), waiting: Iterable[Hit] = ()) -> Finding:
    """Judge a count: it fires from the threshold on.

    Args:
        rule: the rule; its threshold is read.
        hits: what is counted.
        labels: values of the rule's labels.
        waiting: what may yet become a hit: where that would make it fire, it is pending.
    """
    found, awaited = sorted(hits), sorted(waiting)
    if len(found) >= rule.threshold:
        since_ns = found[math.ceil(rule.threshold) - 1].at_ns
        return Finding(state="firing", value=len(found), labels=labels, trace_ids=_traces(found), since_ns=since_ns)
    if awaited and len(found) + len(awaited) >= rule.threshold:
        return Finding(state="pending", value=len(found), labels=labels, trace_ids=_traces(found + awaited))
    return Finding(state="inactive", value=len(found), labels=labels)


def _traces(hits: list[Hit]) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(hit.trace_id for hit in reversed(hits)))
