"""The result of a verification."""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from vshop.shop.hops import HopReport


class Check(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One comparison.

    ``phase``: ``clean``, ``on``, ``off``, ``recovery``, ``clean again``; ``trigger`` without a switch. ``seen``: the value, or the
    closest candidate and its differences. ``evidence``: trace and span ids, a log's text, a metric before and after.
    """

    phase: str = ""
    what: str
    ok: bool
    expected: Any = None
    seen: Any = None
    evidence: dict[str, Any] = {}

    def __str__(self) -> str:
        text = f"{self.what}: expected {self.expected}, seen {self.seen}"
        return f"{self.phase}: {text}" if self.phase else text


def all_ok(checks: Iterable[Check]) -> bool:
    """Return whether every check passed."""
    return all(check.ok for check in checks)


class Culprit(msgspec.Struct, frozen=True, rename="camel"):
    """The root cause's span in one of the trigger's traces."""

    trace_id: str
    span_id: str


class Completeness(msgspec.Struct, frozen=True, rename="camel"):
    """How the verifier knew that no more telemetry would arrive: by ``flush``, or ``calm window`` for a ``reason``."""

    by: Literal["flush", "calm window"] = "flush"
    reason: str = ""


class Verdict(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The result of one incident's verification.

    ``scope`` is ``none`` without a switch. ``on_at`` and ``off_at`` are seconds since the epoch. ``trace_ids``: of the orders while
    it was on. ``telemetry``: the services' mode; unless it is ``sdk``, only the outcome was checked: answers, stock, dead letters,
    acknowledgements and journal. ``hops``: what an agent recorded of each hop.
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
