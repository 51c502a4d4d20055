"""The telemetry of a service without its own SDK, through OpenTelemetry's API."""

import contextlib
import logging
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, request
from opentelemetry import _logs, trace
from opentelemetry.instrumentation.propagators import (
    TraceResponsePropagator,
    get_global_response_propagator,
    set_global_response_propagator,
)
from opentelemetry.metrics import get_meter_provider
from werkzeug.exceptions import RequestEntityTooLarge

from vshop.kit.telemetry.dialects import spell
from vshop.kit.telemetry.spans import Payloads

log = logging.getLogger(__name__)


class Telemetry:
    """Adds the service's attributes and metrics to an agent's telemetry, if there is one.

    ``checks`` report the mode. ``own_spans``: whether the service makes the spans of its Kafka records.
    """

    own_spans = False

    def __init__(self, payloads: Payloads, mode: str = "") -> None:
        self.payloads = payloads
        self.checks: dict[str, Callable[[], str]] = {"telemetry": lambda: mode} if mode else {}
        if get_global_response_propagator() is None:
            set_global_response_propagator(TraceResponsePropagator())

    def instrument_flask(self, app: Flask) -> None:
        """Describe each request of an application on its span."""
        app.after_request(self._describe)

    def instrument_requests(self) -> None:
        """Trace the HTTP calls of requests."""

    def instrument_dynamodb(self) -> None:
        """Trace botocore's DynamoDB calls."""

    def flush(self, *, metrics: bool = True) -> int:
        """Export spans, log records and, if wanted, metrics; return how many the receiver did not acknowledge."""
        providers = [trace.get_tracer_provider(), _logs.get_logger_provider(), *([get_meter_provider()] if metrics else [])]
        return sum(map(_flush, providers))

    def shutdown(self) -> None:
        """Stop. An agent's providers stop when the process exits."""
        self.flush()

    def _describe(self, response: Response) -> Response:
        span = trace.get_current_span()
        if not span.is_recording():
            return response
        sizes = {"http.request.body.size": request.content_length, "http.response.body.size": response.content_length}
        attributes = {name: size for name, size in sizes.items() if size is not None}
        # The library leaves the port in the address.
        span.set_attributes(spell("http", {"server.address": request.host.rsplit(":", 1)[0], **attributes}))
        if self.payloads.visible:
            self.payloads.put_headers(span, "shop.http.request.headers", request.headers.items())
            self.payloads.put_headers(span, "shop.http.response.headers", response.headers.items())
            with contextlib.suppress(RequestEntityTooLarge):  # the application did not read the body either
                self.payloads.put(span, "shop.http.request.body", request.get_data())
            if not response.direct_passthrough:
                self.payloads.put(span, "shop.http.response.body", response.get_data())
        return response


def _flush(provider: Any) -> int:
    force_flush = getattr(provider, "force_flush", None)
    if force_flush is None:
        return 0
    try:
        return 1 if force_flush() is False else 0
    except Exception:  # an agent's code may raise anything
        log.exception("the provider %s cannot be flushed", type(provider).__qualname__)
        return 1
