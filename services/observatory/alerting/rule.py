"""What an alert rule is."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One alert rule, as it stands in ``alert_rules.yaml``.

    Attributes:
        id: its name for programs.
        kind: which function judges it, see ``kinds.KINDS``.
        title: its name for people.
        meaning: what it means when it fires.
        severity: how bad that is.
        window_s: how far back it looks unless asked for another window, in seconds.
        threshold: the value at which it fires; what is counted or measured is up to its kind.
        grace_s: how long something that has to follow may be missing, in seconds; of kind ``not-handled`` only.
        labels: names of what it groups by.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]*$")]
    kind: str
    title: str
    meaning: str
    severity: Literal["info", "warning", "critical"]
    window_s: Annotated[float, Meta(gt=0)]
    threshold: Annotated[float, Meta(gt=0)]
    grace_s: Annotated[float, Meta(ge=0)] = 0
    labels: tuple[str, ...] = ()

    @property
    def window_ns(self) -> int:
        """Its window in nanoseconds."""
        return round(self.window_s * 10**9)

    @property
    def grace_ns(self) -> int:
        """Its grace period in nanoseconds."""
        return round(self.grace_s * 10**9)
