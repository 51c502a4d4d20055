"""The HTTP API of orders: ``POST /orders``."""

import logging
from collections.abc import Mapping

import msgspec
from flask import Flask, Response, request
from opentelemetry import metrics, trace

from orders import pricing
from orders.auth import AuthClient
from orders.idempotency import IdempotencyStore
from orders.publisher import Publisher
from vshop.kit.chaos.switches import NO_CHAOS, Switches
from vshop.kit.http import health, problems
from vshop.kit.http.json_body import explain
from vshop.kit.http.problems import Problem
from vshop.kit.order import OrderRequest, decode_request, make_order_id

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024


class OrderMetrics:
    """The business metrics of orders."""

    def __init__(self) -> None:
        meter = metrics.get_meter("orders")
        self._placed = meter.create_counter("shop.orders.placed", "{order}", "Orders accepted: Kafka has them")
        self._items = meter.create_counter("shop.items.ordered", "{item}", "Pieces in accepted orders")
        self._rejected = meter.create_counter("shop.orders.rejected", "{order}", "Orders that were not accepted")

    def count_placed(self, item_id: int, quantity: int) -> None:
        """Count an accepted order and its pieces."""
        self._placed.add(1, {"shop.item.id": item_id})
        self._items.add(quantity, {"shop.item.id": item_id})

    def count_rejected(self, status: int) -> None:
        """Count an order that was answered with an error status."""
        self._rejected.add(1, {"http.response.status_code": status, "error.type": str(status)})


def place_order(
    auth: AuthClient, publisher: Publisher, counts: OrderMetrics, responses: IdempotencyStore, trace_url: str, chaos: Switches
) -> dict[str, str]:
    """Authenticate the shopper, price the order and publish it. An order's walk through the shop starts here.

    Returns the body of the 202, sent once Kafka has acknowledged the record. Raises Problem, whose detail says why.
    """
    order = _read_order()
    span = trace.get_current_span()
    span.set_attributes({"shop.item.id": order.item_id, "shop.order.quantity": order.quantity, "enduser.id": order.username})
    log.info("placing new order %s", order)
    auth.authenticate(request.headers.get("Authorization"), order.username)
    key = request.headers.get("Idempotency-Key")
    first_response = responses.find(key, order) if key is not None else None
    if first_response is not None:
        return first_response
    discounts = pricing.active_discounts(chaos, order.item_id)
    total = pricing.total_cents(order.item_id, order.quantity, order.discount_code, discounts)
    span.set_attribute("shop.order.total_cents", total)
    record = publisher.publish(make_order_id(order, key), order)
    span.set_attribute("shop.order.id", record.order_id)
    counts.count_placed(order.item_id, order.quantity)
    trace_id = trace.format_trace_id(span.get_span_context().trace_id)
    response = {"orderId": record.order_id, "traceId": trace_id, "traceUrl": trace_url.replace("{traceId}", trace_id)}
    if key is not None:
        responses.save(key, order, response)
    return response


def create_app(
    auth: AuthClient,
    publisher: Publisher,
    counts: OrderMetrics,
    checks: Mapping[str, health.Check],
    trace_url: str,
    chaos: Switches = NO_CHAOS,
) -> Flask:
    """Build the application. ``checks`` are the readiness checks by name; ``trace_url`` has the placeholder ``{traceId}``."""
    app = Flask("orders")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    problems.install(app)
    app.register_blueprint(health.blueprint("orders", checks, __file__))
    responses = IdempotencyStore()

    @app.post("/orders")
    def orders() -> tuple[dict[str, str], int]:
        return place_order(auth, publisher, counts, responses, trace_url, chaos), 202

    @app.after_request
    def count_rejection(response: Response) -> Response:
        if request.path == "/orders" and response.status_code >= 400:
            counts.count_rejected(response.status_code)
        return response

    return app


def _read_order() -> OrderRequest:
    if request.mimetype != "application/json":
        raise Problem(415, "Send the order as application/json.", headers={"Accept-Post": "application/json"})
    try:
        return decode_request(request.get_data())
    except msgspec.ValidationError as error:
        sentence, field = explain(error)
        raise Problem(400, f"The order is not valid: {sentence}.", field=field) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, f"The body is not JSON: {error}.") from error
