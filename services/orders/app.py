"""The HTTP surface of orders: ``POST /orders``."""

import logging
from collections.abc import Mapping

import msgspec
from flask import Flask, Response, jsonify, request
from opentelemetry import trace

from orders import pricing
from orders.auth import AuthClient
from orders.idempotency import Answers
from orders.measures import Measures
from orders.publisher import Publisher
from vshop.kit import health, openapi, problems
from vshop.kit.chaos import NO_CHAOS, Switches
from vshop.kit.events import OrderRequest, decode_request, order_id
from vshop.kit.problems import Problem

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024


def create_app(
    auth: AuthClient,
    publisher: Publisher,
    measures: Measures,
    checks: Mapping[str, health.Check],
    trace_url: str,
    chaos: Switches = NO_CHAOS,
) -> Flask:
    """Build the application.

    Args:
        auth: asks who the shopper is.
        publisher: sends the order to Kafka.
        measures: the business metrics.
        checks: what readiness means.
        trace_url: where a person looks at a trace, with ``{traceId}`` to put in.
        chaos: asked when an order is priced.
    """
    app = Flask("orders")
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    problems.install(app)
    app.register_blueprint(health.blueprint("orders", checks))
    app.register_blueprint(openapi.blueprint(__file__))
    answers = Answers()

    @app.post("/orders")
    def place_order() -> tuple[Response, int]:
        """Take an order: 202 once Kafka has it, or a problem that says why nothing was ordered."""
        order = _read_order()
        span = trace.get_current_span()
        span.set_attributes({"shop.item.id": order.item_id, "shop.order.quantity": order.quantity, "enduser.id": order.username})
        log.info("placing new order %s", order)
        auth.authenticate(request.headers.get("Authorization"), order.username)
        key = request.headers.get("Idempotency-Key")
        earlier = answers.find(key, order) if key is not None else None
        if earlier is not None:
            return jsonify(earlier), 202
        discounts = pricing.discounts(chaos, order.item_id)
        total = pricing.total_cents(order.item_id, order.quantity, order.discount_code, discounts)
        span.set_attribute("shop.order.total_cents", total)
        accepted = publisher.publish(order_id(order, key), order)
        span.set_attribute("shop.order.id", accepted.order_id)
        measures.placed(order.item_id, order.quantity)
        trace_id = trace.format_trace_id(span.get_span_context().trace_id)
        answer = {"orderId": accepted.order_id, "traceId": trace_id, "traceUrl": trace_url.replace("{traceId}", trace_id)}
        if key is not None:
            answers.remember(key, order, answer)
        return jsonify(answer), 202

    @app.after_request
    def count_rejections(response: Response) -> Response:
        """Count every order that was not taken, by the status the shopper saw."""
        if request.path == "/orders" and response.status_code >= 400:
            measures.rejected(response.status_code)
        return response

    return app


def _read_order() -> OrderRequest:
    if request.mimetype != "application/json":
        raise Problem(415, "Send the order as application/json.", headers={"Accept-Post": "application/json"})
    try:
        return decode_request(request.get_data())
    except msgspec.ValidationError as error:
        raise Problem(400, f"The order is not valid: {error}.", field=_field(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, f"The body is not JSON: {error}.") from error


def _field(message: str) -> str | None:
    """Find the field that a validation error names: at ``$.quantity``, or in backquotes at its end."""
    if "`$." in message:
        return message.rsplit("`$.", 1)[1].rstrip("`")
    return message.rsplit("`", 2)[1] if "field `" in message else None
