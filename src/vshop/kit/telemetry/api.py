"""What a service adds to its spans through OpenTelemetry's API, with or without its own SDK: attributes and redacted payloads."""

import codecs
import contextlib
import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, request
from opentelemetry import _logs, trace
from opentelemetry.instrumentation.propagators import (
    TraceResponsePropagator,
    get_global_response_propagator,
    set_global_response_propagator,
)
from opentelemetry.metrics import get_meter_provider
from opentelemetry.trace import Span
from werkzeug.exceptions import RequestEntityTooLarge

from vshop.kit.chaos.baggage import HEADERS, remove_incidents
from vshop.kit.settings import Settings
from vshop.kit.telemetry.dialects import spell
from vshop.kit.telemetry.secrets import redact

log = logging.getLogger(__name__)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return sorted(value, key=str) if isinstance(value, set | frozenset) else str(value)


_as_json = json.JSONEncoder(default=_plain).encode  # `json.dumps` would make an encoder for every payload


class Payloads:
    """Puts each payload on a span as one JSON or text attribute, unless not ``visible``."""

    def __init__(self, settings: Settings, *, visible: bool = True) -> None:
        self.visible = visible and settings.payloads == "full"
        self._limit = settings.payload_limit_bytes

    def put(self, span: Span, name: str, payload: bytes | str | None) -> None:
        """Put text or bytes on the span, cut at the limit with ``…[cut, N bytes in all]``."""
        if not self.visible or not payload or not span.is_recording():
            return
        raw = payload.encode(errors="backslashreplace") if isinstance(payload, str) else payload
        if len(raw) <= self._limit:
            span.set_attribute(name, redact(raw.decode(errors="backslashreplace")))
            return
        # final=False leaves out a character that the cut went through.
        text = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode(raw[: self._limit], final=False)
        span.set_attribute(name, f"{redact(text)}…[cut, {len(raw)} bytes in all]")

    def put_json(self, span: Span, name: str, payload: Any) -> None:
        """Put any value on the span as JSON."""
        if self.visible and span.is_recording():
            self.put(span, name, _as_json(payload))

    def put_headers(self, span: Span, name: str, headers: Iterable[tuple[str, str | bytes]]) -> None:
        """Put headers as a JSON object, with lower-case names and without incidents."""
        if not self.visible or not span.is_recording():
            return
        shown = {lower: _plain(value) for key, value in headers if (lower := key.lower()) not in HEADERS}
        if "baggage" in shown:
            shown["baggage"] = remove_incidents(shown["baggage"])
        self.put_json(span, name, {key: value for key, value in shown.items() if key != "baggage" or value})


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
