"""Applies an order to the stock: read, decide, one conditional write; a lost race is run again."""

import logging
import threading

from opentelemetry import trace

from stock_updater.item import Outcome, Position
from stock_updater.table import StockTable, WriteRefusedError
from vshop.kit.events import NewOrder

log = logging.getLogger(__name__)


class UnknownItemError(LookupError):
    """The order is for an item that the table does not hold."""


class Stock:
    """The stock that orders are taken from."""

    def __init__(self, table: StockTable, write_attempts: int, stop: threading.Event) -> None:
        """Build it.

        Args:
            table: where it is kept.
            write_attempts: tries at a write that loses a race.
            stop: set when the process is to end.
        """
        self._table = table
        self._write_attempts = write_attempts
        self._stop = stop

    def apply(self, order: NewOrder, position: Position, *, forgetful: bool = False) -> Outcome:
        """Take an order's pieces from the stock, once, however often it is called.

        Args:
            order: the order.
            position: where its record lies.
            forgetful: whether to apply it though it is in the stock already.

        Returns:
            What became of it.

        Raises:
            UnknownItemError: there is no such item.
            botocore.exceptions.ClientError: DynamoDB refused, also when another writer was faster at every try.
            botocore.exceptions.BotoCoreError: DynamoDB did not answer.
        """
        outcome = self._apply(order, position, forgetful=forgetful)
        trace.get_current_span().set_attribute("shop.order.outcome", outcome)
        log.info("order %s for item %d: %s", order.order_id, order.item_id, outcome)
        return outcome

    def _apply(self, order: NewOrder, position: Position, *, forgetful: bool) -> Outcome:
        for attempt in range(1, self._write_attempts + 1):
            item = self._table.get(str(order.item_id))
            if item is None:
                raise UnknownItemError(f"there is no item {order.item_id} in table {self._table.name}")
            if item.has_seen(order, position) and not forgetful:
                return Outcome.DUPLICATE
            try:
                self._table.put(item.after(order, position), seen=item)
            except WriteRefusedError as refused:
                if refused.current.version == item.version:
                    return Outcome.SOLD_OUT  # nobody was faster: what is left does not suffice
                if refused.current.has_seen(order, position):
                    return Outcome.APPLIED  # our own write got through, its answer was lost
                log.warning("lost the race for item %s (try %d of %d): %s", item.id, attempt, self._write_attempts, refused)
                if attempt == self._write_attempts:
                    raise refused.refusal from None
                self._stop.wait(0.01 * 2**attempt)
            else:
                return Outcome.APPLIED
        raise AssertionError("unreachable: the last try returns or raises")
