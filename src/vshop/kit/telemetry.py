"""Sets OpenTelemetry up for a service: the distro's configurator, the instrumentations, and what they leave out.

Every ``OTEL_*`` variable keeps its standard meaning; the defaults below apply where one is unset.
"""

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, g, request
from opentelemetry import _logs, metrics, trace
from opentelemetry.distro import OpenTelemetryConfigurator, OpenTelemetryDistro
from opentelemetry.instrumentation.propagators import TraceResponsePropagator, set_global_response_propagator
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span
from werkzeug.exceptions import RequestEntityTooLarge

from vshop import __version__
from vshop.kit import logs
from vshop.kit.otlp_transport import exporter_arguments
from vshop.kit.payloads import Payloads
from vshop.kit.redaction import RedactingLogExporter, RedactingSpanExporter

_DEFAULTS = {
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "2",  # seconds; a silent receiver must not hold a stopping process
    "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
    "OTEL_BSP_SCHEDULE_DELAY": "200",  # ms; soon visible, still batched
    "OTEL_BSP_MAX_QUEUE_SIZE": "16384",
    "OTEL_BLRP_SCHEDULE_DELAY": "200",
    "OTEL_BLRP_MAX_QUEUE_SIZE": "16384",
    "OTEL_METRIC_EXPORT_INTERVAL": "1000",
    "OTEL_PYTHON_FLASK_EXCLUDED_URLS": "^https?://[^/?]+/(healthz|readyz)$",
}
_INTERNAL_METRICS = "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED"


class Telemetry:
    """The signals of one service; made once, in ``__main__``, before anything it instruments is built."""

    def __init__(self, service: str, payloads: Payloads) -> None:
        """Set up traces, metrics and logs.

        Args:
            service: ``service.name``, unless ``OTEL_SERVICE_NAME`` says otherwise.
            payloads: decides whether payloads go on spans.
        """
        for name, value in _DEFAULTS.items():
            os.environ.setdefault(name, value)
        os.environ.setdefault("OTEL_SERVICE_NAME", service)
        self._payloads = payloads
        OpenTelemetryDistro().configure()
        with _counting_losses():
            OpenTelemetryConfigurator().configure(
                resource_attributes={"service.version": __version__, "host.name": socket.gethostname()},
                export_span_processor=_span_processor,
                export_log_record_processor=_log_processor,
                exporter_args_map=exporter_arguments(),
            )
        set_global_response_propagator(TraceResponsePropagator())
        logs.install(service)
        from opentelemetry.instrumentation.logging import LoggingInstrumentor  # noqa: PLC0415 - reads OTEL_* at import

        LoggingInstrumentor().instrument()
        exporting = logging.getLogger().handlers[-1]
        # `shutdown` flushes; at the interpreter's end the library would start a thread for it, which Python 3.12 refuses by then
        exporting.flush = lambda: None  # type: ignore[method-assign]
        exporting.addFilter(
            lambda record: not record.name.startswith("opentelemetry.")
        )  # each failure to export would feed the next

    def instrument_flask(self, app: Flask) -> None:
        """Trace an application's requests; health checks are left out."""
        from opentelemetry.instrumentation.flask import FlaskInstrumentor  # noqa: PLC0415 - not every service has Flask spans

        FlaskInstrumentor().instrument_app(app, request_hook=_name_unrouted, response_hook=_keep_error_type, enable_commenter=False)
        payloads = self._payloads

        @app.after_request
        def _capture(response: Response) -> Response:
            span = trace.get_current_span()
            if not span.is_recording():
                return response
            span.set_attribute("server.address", request.host.rsplit(":", 1)[0])  # the library leaves the port in it
            if request.content_length is not None:
                span.set_attribute("http.request.body.size", request.content_length)
            if response.content_length is not None:
                span.set_attribute("http.response.body.size", response.content_length)
            if payloads.visible:
                payloads.put_headers(span, "shop.http.request.headers", request.headers.items())
                payloads.put_headers(span, "shop.http.response.headers", response.headers.items())
                with contextlib.suppress(RequestEntityTooLarge):  # then nobody read it, and neither do we
                    payloads.put(span, "shop.http.request.body", request.get_data())
                if not response.direct_passthrough:
                    payloads.put(span, "shop.http.response.body", response.get_data())
            return response

    def instrument_requests(self) -> None:
        """Trace outgoing HTTP calls by requests."""
        from opentelemetry.instrumentation.requests import RequestsInstrumentor  # noqa: PLC0415

        payloads = self._payloads

        def on_request(span: Span, prepared: Any) -> None:
            payloads.put_headers(span, "shop.http.request.headers", prepared.headers.items())
            payloads.put(span, "shop.http.request.body", prepared.body if isinstance(prepared.body, str | bytes) else None)

        def on_response(span: Span, _prepared: Any, response: Any) -> None:
            span.set_attribute("http.response.body.size", len(response.content))
            payloads.put_headers(span, "shop.http.response.headers", response.headers.items())
            payloads.put(span, "shop.http.response.body", response.content)

        RequestsInstrumentor().instrument(request_hook=on_request, response_hook=on_response)

    def instrument_dynamodb(self) -> None:
        """Trace DynamoDB calls by botocore, with the stable database conventions that the library does not emit yet.

        https://opentelemetry.io/docs/specs/semconv/database/dynamodb/
        """
        from opentelemetry.instrumentation.botocore import BotocoreInstrumentor  # noqa: PLC0415

        payloads = self._payloads

        def on_request(span: Span, _service: str, operation: str, parameters: dict[str, Any]) -> None:
            span.set_attributes({"db.system.name": "aws.dynamodb", "db.operation.name": operation})
            if "TableName" in parameters:
                span.set_attribute("db.collection.name", parameters["TableName"])
            payloads.put_json(span, "shop.dynamodb.request", parameters)

        def on_response(span: Span, _service: str, _operation: str, response: dict[str, Any] | None) -> None:
            error = sys.exc_info()[1]  # the hook is called while the call's exception, if any, is on its way out
            code = (response or {}).get("Error", {}).get("Code")
            if code:
                span.set_attribute("db.response.status_code", code)
            if error is not None:
                span.set_attribute("error.type", code or type(error).__qualname__)
            if response:
                body = {key: value for key, value in response.items() if key != "ResponseMetadata"}
                payloads.put_json(span, "shop.dynamodb.response", body)

        BotocoreInstrumentor().instrument(request_hook=on_request, response_hook=on_response)

    def shutdown(self) -> None:
        """Export what is still held and stop."""
        for provider in (trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider()):
            provider.shutdown()  # type: ignore[union-attr]


@contextlib.contextmanager
def _counting_losses() -> Iterator[None]:
    """Let what is built inside the block count the spans and logs that it hands on and loses.

    Processors and exporters are; tracers come later, and would count every span three times as it begins and ends: a twentieth
    of stock-updater's CPU time for figures that say nothing of loss.
    """
    if _INTERNAL_METRICS in os.environ:
        yield
        return
    os.environ[_INTERNAL_METRICS] = "true"
    try:
        yield
    finally:
        del os.environ[_INTERNAL_METRICS]


def _span_processor(exporter: SpanExporter) -> BatchSpanProcessor:
    return BatchSpanProcessor(RedactingSpanExporter(exporter))


def _log_processor(exporter: LogRecordExporter) -> BatchLogRecordProcessor:
    return BatchLogRecordProcessor(RedactingLogExporter(exporter))


def _keep_error_type(span: Span, _status: str, _headers: list[tuple[str, str]]) -> None:
    """Put the exception's own ``error.type`` back, where the library has just written the status code."""
    if "error_type" in g:
        span.set_attribute("error.type", g.error_type)


def _name_unrouted(span: Span, environ: dict[str, Any]) -> None:
    """Keep span names few: a path that is no route (404) must not become a name."""
    if request.url_rule is None:
        span.update_name(environ["REQUEST_METHOD"])
