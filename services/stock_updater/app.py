"""The small HTTP surface of stock-updater: health, the stock, the dead letters."""

from collections.abc import Mapping
from typing import Any

import msgspec
from flask import Flask

from stock_updater.dead_letters import DeadLetters, NoSuchLetterError
from stock_updater.item import StockItem
from stock_updater.table import StockTable
from vshop.kit import health, problems
from vshop.kit.events import InvalidRecordError
from vshop.kit.kafka_sender import DeliveryError
from vshop.kit.problems import Problem


def create_app(table: StockTable, dead_letters: DeadLetters, checks: Mapping[str, health.Check]) -> Flask:
    """Build the application.

    Args:
        table: the stock.
        dead_letters: the dead-letter topic.
        checks: what readiness means.
    """
    app = Flask("stock_updater")
    app.config["MAX_CONTENT_LENGTH"] = 1024
    problems.install(app)
    app.register_blueprint(health.blueprint("stock-updater", checks))

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

    return app


def _shown(item: StockItem) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(item)
    return {**shown, "id": int(item.id)}
