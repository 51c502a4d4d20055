"""The business metrics of stock-updater, and its lag."""

from collections.abc import Callable, Iterable

from confluent_kafka import KafkaException
from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from stock_updater.item import Outcome
from vshop.kit.failures import error_type, exception_type


class Measures:
    """Counts orders handled, by outcome, and orders dead-lettered."""

    def __init__(self) -> None:
        meter = metrics.get_meter("stock_updater")
        self._handled = meter.create_counter("shop.orders.handled", "{order}", "Orders handled, by outcome")
        self._dead = meter.create_counter("shop.orders.dead_lettered", "{order}", "Records put on the dead-letter topic")

    def handled(self, outcome: Outcome) -> None:
        """Count a handled order."""
        self._handled.add(1, {"shop.order.outcome": outcome})

    def dead_lettered(self, error: BaseException) -> None:
        """Count a dead-lettered record."""
        self._dead.add(1, {"error.type": error_type(error), "exception.type": exception_type(error)})


def observe_lag(lag: Callable[[], dict[int, int]], topic: str, group: str) -> None:
    """Report the consumer's lag by partition, asked from the broker by the exporting thread: it shows a consumer that stands still.

    Args:
        lag: returns the lag by partition.
        topic: ``messaging.destination.name``.
        group: ``messaging.consumer.group.name``.
    """

    def callback(_options: CallbackOptions) -> Iterable[Observation]:
        attributes = {"messaging.destination.name": topic, "messaging.consumer.group.name": group}
        try:
            lags = lag()
        except (KafkaException, RuntimeError):  # the broker is away, or the consumer is closed: nothing to report
            return []
        return [Observation(count, {**attributes, "messaging.destination.partition.id": str(part)}) for part, count in lags.items()]

    metrics.get_meter("stock_updater").create_observable_gauge(
        "shop.consumer.lag", [callback], "{message}", "Records not handled yet"
    )
