"""The business metrics of stock-updater."""

from opentelemetry import metrics

from stock_updater.item import OrderOutcome
from vshop.kit.telemetry import errors


class StockMetrics:
    """Counts processed orders by outcome, and dead-lettered records."""

    def __init__(self) -> None:
        meter = metrics.get_meter("stock_updater")
        self._handled = meter.create_counter("shop.orders.handled", "{order}", "Orders handled, by outcome")
        self._dead_lettered = meter.create_counter("shop.orders.dead_lettered", "{order}", "Records put on the dead-letter topic")

    def count_handled(self, outcome: OrderOutcome) -> None:
        """Count a processed order."""
        self._handled.add(1, {"shop.order.outcome": outcome})

    def count_dead_lettered(self, error: BaseException) -> None:
        """Count a dead-lettered record."""
        self._dead_lettered.add(1, {"error.type": errors.error_type(error), "exception.type": errors.exception_type(error)})
