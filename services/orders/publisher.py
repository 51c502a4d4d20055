"""Publishes an accepted order to Kafka: the second hop."""

import logging
import time

import msgspec

from vshop.kit.chaos.switches import NO_CHAOS, Switches
from vshop.kit.http.problems import Problem
from vshop.kit.kafka.sender import DeliveryError, Sender
from vshop.kit.order import NewOrder, OrderRequest
from vshop.kit.times import rfc3339_ms

log = logging.getLogger(__name__)


class Publisher:
    """Sends an order request as a record."""

    def __init__(self, sender: Sender, topic: str, chaos: Switches = NO_CHAOS) -> None:
        self._chaos = chaos
        self._sender = sender
        self._topic = topic

    def publish(self, order_id: str, order: OrderRequest) -> NewOrder:
        """Send the order and return the record's value once Kafka has it. Raises Problem 503."""
        record = NewOrder(order_id=order_id, placed_at=rfc3339_ms(time.time()), **msgspec.structs.asdict(order))
        value = record.encode()
        log.info("sending new order=%s to topic=%s", value.decode(), self._topic)
        if self._chaos.on("orders-poison-message", item=order.item_id):
            value = value[: len(value) // 2]
        if self._chaos.on("orders-publish-failed", item=order.item_id):
            value = value.ljust(2_000_000)  # still JSON, and larger than the broker accepts
        with_context = not self._chaos.on("orders-context-lost", item=order.item_id)
        try:
            self._sender.send(self._topic, value, record.key, with_context=with_context)
        except DeliveryError as error:
            log.exception("the order was not acknowledged")
            raise _problem(error, order_id) from error
        return record


def _problem(error: DeliveryError, order_id: str) -> Problem:
    detail = (
        f"Kafka refused the order: {error}. It was not accepted."
        if error.refused
        else f"Kafka did not acknowledge the order: {error}. Kafka may have it."
    )
    advice = "Retry with the same Idempotency-Key, so that the order counts once in either case."
    return Problem(503, f"{detail} {advice}", headers={"Retry-After": "5"}, hop="kafka", orderId=order_id)
