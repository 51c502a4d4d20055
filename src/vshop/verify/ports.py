"""What a verification needs of a shop: a ``ShopClient`` and a ``TraceFinder`` have it, and so do the stand-ins of the tests."""

from collections.abc import Sequence
from typing import Any, Protocol

from vshop.client import Placed
from vshop.traces import Trace


class Shop(Protocol):
    """The shop as its shopper and its operator know it."""

    def token(self, username: str = ..., *, headers: dict[str, str] | None = None) -> str:
        """Log a shopper in."""

    def place_order(
        self,
        item_id: int = ...,
        quantity: int = ...,
        *,
        username: str = ...,
        discount_code: str | None = None,
        token: str | None = "",
        headers: dict[str, str] | None = None,
    ) -> Placed:
        """Place an order."""

    def item(self, item_id: int) -> dict[str, Any]:
        """Return one item of the table."""

    def logs(self, **query: str | int) -> list[dict[str, Any]]:
        """Return log records."""

    def metrics(self, name: str) -> list[dict[str, Any]]:
        """Return the series of a metric with their points."""

    def alerts(self, since: float) -> list[dict[str, Any]]:
        """Return the alerts, judged by what happened since a moment (seconds since the epoch)."""

    def dead_letters(self) -> list[dict[str, Any]]:
        """Return all dead letters."""

    def replay(self, letter_id: str) -> dict[str, Any]:
        """Put a dead letter back."""

    def switch_on(self, incident: str, *, duration: str | None = None) -> dict[str, Any]:
        """Switch an incident on for everybody; returns when every service has taken it over."""

    def switch_off(self, incident: str) -> dict[str, Any]:
        """Switch it off again."""

    def switched_on(self) -> Sequence[str]:
        """Return the ids of what is on."""


class Traces(Protocol):
    """Where traces are read."""

    def get(self, trace_id: str) -> Trace:
        """Read a trace as it is now."""

    def search(self, service: str, tags: dict[str, str]) -> list[str]:
        """Return the ids of the traces in which a service has a span with these attributes."""
