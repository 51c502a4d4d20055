"""Applies an order: read, decide, one conditional write, repeated if it loses a race."""

import logging
import threading

from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation

from stock_updater.item import OrderOutcome, RecordPosition, StockItem
from stock_updater.table import StockTable, WriteRefusedError
from vshop.kit.order import NewOrder

log = logging.getLogger(__name__)


class UnknownItemError(LookupError):
    """The table does not contain the ordered item."""


class TableRolledBackError(Exception):
    """An item is older than this process has seen it: the table was restored, and lacks committed orders."""


class Stock:
    """The stock, reduced by each order once."""

    def __init__(self, table: StockTable, write_attempts: int, stop: threading.Event) -> None:
        self._table = table
        self._write_attempts = write_attempts
        self._stop = stop
        self._versions: dict[str, int] = {}  # by item, the last one that was read or written

    def apply(self, order: NewOrder, position: RecordPosition, *, skip_duplicate_check: bool = False) -> OrderOutcome:
        """Take an order's pieces, once, however often it is called.

        Raises UnknownItemError; TableRolledBackError: start again at the table's position; ClientError or BotoCoreError if DynamoDB
        refused or did not answer, or every try lost its race.
        """
        outcome = self._apply(order, position, skip_duplicate_check=skip_duplicate_check)
        trace.get_current_span().set_attribute("shop.order.outcome", outcome)
        log.info("order %s for item %d: %s", order.order_id, order.item_id, outcome)
        return outcome

    def includes(self, order: NewOrder, position: RecordPosition) -> bool:
        """Return whether the stock includes the order, without spans. Raises UnknownItemError."""
        with suppress_instrumentation():
            return self._read(order).includes(order, position)

    def _read(self, order: NewOrder) -> StockItem:
        item = self._table.get(str(order.item_id))
        if item is None:
            raise UnknownItemError(f"there is no item {order.item_id} in table {self._table.name}")
        return item

    def _apply(self, order: NewOrder, position: RecordPosition, *, skip_duplicate_check: bool) -> OrderOutcome:
        for attempt in range(1, self._write_attempts + 1):
            item = self._read(order)
            self._check_version(item)
            if item.includes(order, position) and not skip_duplicate_check:
                return OrderOutcome.DUPLICATE
            try:
                self._table.put(item.after(order, position), seen=item)
            except WriteRefusedError as refused:
                if refused.current.version == item.version:
                    return OrderOutcome.SOLD_OUT  # no other writer was faster, so the stock is too small
                if refused.current.includes(order, position):
                    # It was our own write whose response was lost, or another consumer's.
                    return OrderOutcome.APPLIED if refused.is_repeated else OrderOutcome.DUPLICATE
                log.warning("lost the race for item %s (try %d of %d): %s", item.id, attempt, self._write_attempts, refused)
                if attempt == self._write_attempts:
                    raise refused.refusal from None
                self._stop.wait(0.01 * 2**attempt)
            else:
                self._versions[item.id] = item.version + 1
                return OrderOutcome.APPLIED
        raise AssertionError("unreachable: the last try returns or raises")

    def _check_version(self, item: StockItem) -> None:
        """An item's offsets must not grow while the table lacks earlier orders."""
        if item.version < self._versions.get(item.id, 0):
            self._versions.clear()
            raise TableRolledBackError(f"item {item.id} is at version {item.version}: the table was restored")
        self._versions[item.id] = item.version
