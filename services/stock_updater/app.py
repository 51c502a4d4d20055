"""The HTTP API: stock, dead letters, reset."""

import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import KafkaError, KafkaException
from flask import Flask, Response

from stock_updater.dead_letters import DeadLetterNotFoundError, DeadLetters
from stock_updater.item import StockItem
from stock_updater.lag import ConsumerLag
from stock_updater.table import StockTable
from vshop.kit.http import health, problems, same_origin
from vshop.kit.http.problems import Problem
from vshop.kit.kafka.sender import DeliveryError
from vshop.kit.order import InvalidRecordError
from vshop.kit.telemetry.errors import count_error

RESET_TIMEOUT_S = 10.0
"""For unprocessed orders."""


def reset(table: StockTable, dead_letters: DeadLetters, lag: ConsumerLag) -> dict[str, int]:
    """Wait until all orders are processed, then restock and delete the dead letters. Raises Problem 409, with nothing reset."""
    waiting = lag.wait_processed(None, time.monotonic() + RESET_TIMEOUT_S)
    if waiting:
        raise Problem(
            409,
            f"{waiting} orders on the topic were not handled within {RESET_TIMEOUT_S:g} s, so nothing was reset: they would be "
            "taken from the new stock. Check whether an incident is on or DynamoDB is away.",
            waiting=waiting,
        )
    return {"items": table.restock(), "deadLetters": dead_letters.remove_all()}


def create_app(
    table: StockTable,
    dead_letters: DeadLetters,
    lag: ConsumerLag,
    checks: Mapping[str, health.Check],
    allowed_hosts: Sequence[str] = (),
) -> Flask:
    """Build the application. ``checks`` are the readiness checks by name."""
    app = Flask("stock_updater")
    app.config["MAX_CONTENT_LENGTH"] = 1024
    problems.install(app)
    _install_error_handlers(app)
    same_origin.refuse_cross_origin(app, allowed_hosts)
    app.register_blueprint(health.blueprint("stock-updater", checks, __file__))
    resetting = threading.Lock()

    @app.get("/stock")
    def stock() -> dict[str, Any]:
        return {"items": [_item_json(item) for item in table.all()]}

    @app.get("/stock/<int:item_id>")
    def item(item_id: int) -> dict[str, Any]:
        found = table.get(str(item_id))
        if found is None:
            raise Problem(404, f"There is no item {item_id}; GET /stock lists them.")
        return _item_json(found)

    @app.get("/dlq")
    def list_dead_letters() -> dict[str, Any]:
        return {"letters": dead_letters.all()}

    @app.get("/dlq/<letter_id>")
    def show_dead_letter(letter_id: str) -> dict[str, Any]:
        return dead_letters.show(letter_id)

    @app.post("/dlq/<letter_id>/replay")
    def replay_dead_letter(letter_id: str) -> dict[str, Any]:
        return dead_letters.replay(letter_id)

    @app.post("/reset")
    def reset_stock() -> dict[str, int]:
        with resetting:
            return reset(table, dead_letters, lag)

    return app


def _install_error_handlers(app: Flask) -> None:
    app.register_error_handler(DeadLetterNotFoundError, lambda error: problems.answer(404, str(error)))
    app.register_error_handler(InvalidRecordError, lambda error: problems.answer(422, f"This can never be handled: {error}"))
    for kind, hop, reason in (
        (DeliveryError, "kafka", "Kafka did not acknowledge the record"),
        (KafkaException, "kafka", "Kafka did not answer"),
        (BotoCoreError, "dynamodb", "DynamoDB did not answer"),
        (ClientError, "dynamodb", "DynamoDB did not answer"),
    ):
        app.register_error_handler(kind, partial(_unavailable, hop, reason))


def _unavailable(hop: str, reason: str, error: Exception) -> Response:
    count_error(error)
    cause = error.args[0] if error.args else error
    said = cause.str() if isinstance(cause, KafkaError) else error
    return problems.answer(503, f"{reason}: {said}", {"Retry-After": "5"}, hop=hop)


def _item_json(item: StockItem) -> dict[str, Any]:
    shown = {**msgspec.to_builtins(item), "id": int(item.id)}
    del shown["earlier"]  # not for readers
    return shown
