"""What a verification requires of a shop."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from vshop.shop.client import Placed
from vshop.shop.flush import Flush
from vshop.shop.traces import Trace


class ShopApi(Protocol):
    """The shop's client."""

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

    def telemetry_mode(self) -> str:
        """Return the telemetry mode of the services."""

    def item(self, item_id: int) -> dict[str, Any]:
        """Return one item of the table."""

    def stock(self) -> list[dict[str, Any]]:
        """Return every item of the table."""

    def logs(self, **query: str | int) -> list[dict[str, Any]]:
        """Return log records."""

    def metrics(self, name: str, *, points: int | None = None) -> list[dict[str, Any]]:
        """Return a metric's series."""

    def alerts(self, since: float, *, at: float | None = None, trace_ids: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return alerts; times are seconds since the epoch."""

    def flush(
        self,
        parts: Sequence[str] = ...,
        *,
        traces: Sequence[str] | None = None,
        offsets: Mapping[int, int] | None = None,
        within_s: float = ...,
        metrics: bool = ...,
    ) -> Flush:
        """Have services export their telemetry."""

    def dead_letters(self) -> list[dict[str, Any]]:
        """Return all dead letters."""

    def replay(self, letter_id: str) -> dict[str, Any]:
        """Put a dead letter back on its topic."""

    def switch_on(self, incident: str, *, duration: str | None = None) -> dict[str, Any]:
        """Switch an incident on for everybody."""

    def switch_off(self, incident: str) -> dict[str, Any]:
        """Switch an incident off."""

    def journal(self) -> list[dict[str, Any]]:
        """Return the board's journal, oldest first."""

    def switched_on(self) -> Sequence[str]:
        """Return the ids of the incidents that are on."""


class Traces(Protocol):
    """Reads traces."""

    def get(self, trace_id: str) -> Trace:
        """Read a trace as it is now."""

    def search(self, service: str, tags: dict[str, str]) -> list[str]:
        """Return the ids of the traces in which a service has a span with these attributes."""
