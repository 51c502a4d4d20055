"""The kinds of alert rules: which function judges each."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from observatory.alerting import exceptions, not_handled, rejected, slow
from observatory.alerting.evidence import Evidence
from observatory.alerting.finding import Finding
from observatory.alerting.rule import Rule


class Kind(NamedTuple):
    """How rules of one kind are judged, and how many labels they group by."""

    judge: Callable[[Evidence, Rule], list[Finding]]
    labels: int


KINDS: Mapping[str, Kind] = {
    "exceptions": Kind(exceptions.judge, 1),
    "not-handled": Kind(not_handled.judge, 0),
    "slow": Kind(slow.judge, 0),
    "rejected": Kind(rejected.judge, 1),
}
"""What ``kind`` in ``alert_rules.yaml`` may be."""
