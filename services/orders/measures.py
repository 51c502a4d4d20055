"""The business metrics of orders."""

from opentelemetry import metrics


class Measures:
    """Counts orders placed, items ordered, orders rejected."""

    def __init__(self) -> None:
        meter = metrics.get_meter("orders")
        self._placed = meter.create_counter("shop.orders.placed", "{order}", "Orders accepted: Kafka has them")
        self._items = meter.create_counter("shop.items.ordered", "{item}", "Pieces in accepted orders")
        self._rejected = meter.create_counter("shop.orders.rejected", "{order}", "Orders that were not accepted")

    def placed(self, item_id: int, quantity: int) -> None:
        """Count an accepted order."""
        self._placed.add(1, {"shop.item.id": item_id})
        self._items.add(quantity, {"shop.item.id": item_id})

    def rejected(self, status: int) -> None:
        """Count an order that was answered with an error."""
        self._rejected.add(1, {"http.response.status_code": status, "error.type": str(status)})
