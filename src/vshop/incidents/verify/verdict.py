"""The result of a verification."""

from typing import Any, Literal

import msgspec

from vshop.shop.hops import HopReport


class Check(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One comparison of an expected with an observed value.

    Attributes:
        phase: ``clean``, ``on``, ``off``, ``recovery`` or ``clean again``; ``trigger`` without a switch.
        what: the kind of thing compared.
        ok: whether it was as expected.
        expected: in words or as data.
        seen: the observed value, or the closest candidate and its differences.
        evidence: where to find it: trace and span ids, a log's text, a metric before and after.
    """

    phase: str = ""
    what: str
    ok: bool
    expected: Any = None
    seen: Any = None
    evidence: dict[str, Any] = {}

    def __str__(self) -> str:
        """Return the expected and the observed value in one line."""
        text = f"{self.what}: expected {self.expected}, seen {self.seen}"
        return f"{self.phase}: {text}" if self.phase else text


class Culprit(msgspec.Struct, frozen=True, rename="camel"):
    """The root cause's span in one of the trigger's traces."""

    trace_id: str
    span_id: str


class Completeness(msgspec.Struct, frozen=True, rename="camel"):
    """How the verifier knew that no more telemetry of an order would arrive.

    Attributes:
        by: ``flush``: every service had exported its telemetry. ``calm window``: nothing new arrived for a while.
        reason: why a flush was not possible or not complete; empty when it was complete.
    """

    by: Literal["flush", "calm window"] = "flush"
    reason: str = ""


class Verdict(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The result of one incident's verification.

    Attributes:
        incident: its id.
        scope: ``global``, ``request``, or ``none`` without a switch.
        verified: whether every check passed.
        seconds: duration.
        on_at: seconds since the epoch just before it was switched on, or triggered.
        off_at: the same for off.
        trace_ids: the traces of the orders sent while it was on.
        culprits: the root cause's span of each judged order.
        checks: all checks.
        telemetry: the services' telemetry mode. Unless it is ``sdk``, only the outcome was checked: answers, stock, dead letters,
            acknowledgements and journal, but no spans, logs, metrics or alerts.
        telemetry_judged: whether the checks include the telemetry.
        hops: where an agent made the spans, what it recorded of each hop that the incident's orders pass.
        completeness: how the verifier knew that the telemetry was complete.
    """

    incident: str
    scope: str
    verified: bool
    seconds: float
    on_at: float | None = None
    off_at: float | None = None
    trace_ids: list[str] = []
    culprits: list[Culprit] = []
    checks: list[Check] = []
    telemetry: str = "sdk"
    telemetry_judged: bool = True
    hops: list[HopReport] = []
    completeness: Completeness = Completeness()

    @property
    def failed(self) -> list[Check]:
        """The checks that failed."""
        return [check for check in self.checks if not check.ok]
