"""What every way to run a shop can do."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from vshop.runtime.model.progress import Progress


class Started(NamedTuple):
    """A shop that `up` has started."""

    addresses: Mapping[str, str]
    details: Mapping[str, Any]
    rows: Mapping[str, str] = {}
    """For people, by label."""
    notes: tuple[str, ...] = ()
    already: bool = False


class Ended(NamedTuple):
    """Result of `down`."""

    found: bool
    text: str


class Mode(Protocol):
    """A way to run a shop. Every method may raise a RuntimeProblem."""

    name: str
    first_order_s: float

    def up(self, progress: Progress) -> Started:
        """Start the shop and wait until every part is ready."""

    def down(self, progress: Progress) -> Ended:
        """Stop the shop."""

    def status(self) -> Mapping[str, Any]:
        """Check every part once: ``ready`` for the whole shop, and ``parts`` by name."""

    def addresses(self) -> dict[str, str]:
        """Return the addresses of the running shop, by field of ``vshop.shop.addresses.Addresses``."""
