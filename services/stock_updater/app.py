"""The small HTTP surface of stock-updater: health, the stock, the dead letters, and back to the beginning."""

from collections.abc import Mapping
from typing import Any

import msgspec
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import KafkaException
from flask import Flask, Response

from stock_updater.dead_letters import DeadLetters, NoSuchLetterError
from stock_updater.fresh_start import FreshStart, StillToHandleError
from stock_updater.item import StockItem
from stock_updater.table import StockTable
from vshop.kit import failures, health, openapi, own_origin, problems
from vshop.kit.events import InvalidRecordError
from vshop.kit.kafka_sender import DeliveryError
from vshop.kit.problems import Problem

PATIENCE_S = 10.0
"""How long ``POST /reset`` waits for orders that are still to be handled."""


def create_app(table: StockTable, dead_letters: DeadLetters, fresh_start: FreshStart, checks: Mapping[str, health.Check]) -> Flask:
    """Build the application.

    Args:
        table: the stock.
        dead_letters: the dead-letter topic.
        fresh_start: goes back to the initial stock.
        checks: what readiness means.
    """
    app = Flask("stock_updater")
    app.config["MAX_CONTENT_LENGTH"] = 1024
    problems.install(app)
    app.register_error_handler(KafkaException, lambda error: _away("kafka", f"Kafka did not answer: {error}", error))
    for refusal in (BotoCoreError, ClientError):
        app.register_error_handler(refusal, lambda error: _away("dynamodb", f"DynamoDB did not answer: {error}", error))
    own_origin.guard(app, ())
    app.register_blueprint(health.blueprint("stock-updater", checks))
    app.register_blueprint(openapi.blueprint(__file__))

    @app.get("/stock")
    def stock() -> dict[str, Any]:
        return {"items": [_shown(item) for item in table.all()]}

    @app.get("/stock/<int:item_id>")
    def item(item_id: int) -> dict[str, Any]:
        found = table.get(str(item_id))
        if found is None:
            raise Problem(404, f"There is no item {item_id}; GET /stock lists them.")
        return _shown(found)

    @app.get("/dlq")
    def letters() -> dict[str, Any]:
        return {"letters": dead_letters.all()}

    @app.get("/dlq/<letter_id>")
    def letter(letter_id: str) -> dict[str, Any]:
        try:
            return dead_letters.show(letter_id)
        except NoSuchLetterError as error:
            raise Problem(404, str(error)) from error

    @app.post("/dlq/<letter_id>/replay")
    def replay(letter_id: str) -> dict[str, Any]:
        try:
            return dead_letters.replay(letter_id)
        except NoSuchLetterError as error:
            raise Problem(404, str(error)) from error
        except InvalidRecordError as error:
            raise Problem(422, f"This can never be handled: {error}") from error
        except DeliveryError as error:
            raise Problem(503, f"Kafka did not take it: {error}", headers={"Retry-After": "5"}, hop="kafka") from error

    @app.post("/reset")
    def reset() -> dict[str, Any]:
        try:
            return fresh_start.make(PATIENCE_S)
        except StillToHandleError as error:
            raise Problem(409, str(error), waiting=error.count) from error

    return app


def _away(hop: str, detail: str, error: Exception) -> Response:
    failures.count(error)
    return problems.answer(503, detail, {"Retry-After": "5"}, hop=hop)


def _shown(item: StockItem) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(item)
    return {**shown, "id": int(item.id)}
