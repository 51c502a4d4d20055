"""What a verification found, as data."""

from typing import Any

import msgspec


class Check(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One thing that was looked at.

    Attributes:
        phase: ``clean``, ``on``, ``off``, ``recovery`` or ``clean again``; ``trigger`` where nothing is switched.
        what: what was looked at, in a few words.
        ok: whether it was as expected.
        expected: what was expected, in words or as data.
        seen: what was seen; where it is not as expected, the closest there was and why it is not it.
        evidence: where to look it up: trace and span ids, a log's text, a metric before and after.
    """

    phase: str = ""
    what: str
    ok: bool
    expected: Any = None
    seen: Any = None
    evidence: dict[str, Any] = {}

    def __str__(self) -> str:
        """Say what was expected and what was seen, for a person."""
        told = f"{self.what}: expected {self.expected}, seen {self.seen}"
        return f"{self.phase}: {told}" if self.phase else told


class Culprit(msgspec.Struct, frozen=True, rename="camel"):
    """The span that the incident's file calls the root cause, in one of the trigger's traces."""

    trace_id: str
    span_id: str


class Verdict(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What became of one incident's verification.

    Attributes:
        incident: its id.
        scope: ``global`` or ``request``: how it was switched on; ``none`` where nothing is switched.
        verified: whether every check was as expected.
        seconds: how long it took.
        on_at: seconds since the epoch just before it was switched on, or triggered.
        off_at: the same for off.
        trace_ids: the traces of the orders that were sent while it was on.
        culprits: the root cause's span in each of them that is judged; empty for a twin.
        checks: all that was looked at, in its order.
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

    @property
    def failed(self) -> list[Check]:
        """The checks that were not as expected."""
        return [check for check in self.checks if not check.ok]
