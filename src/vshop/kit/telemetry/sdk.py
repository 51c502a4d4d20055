"""The mode ``sdk``: OpenTelemetry's SDK, its instrumentations, and the attributes that they lack.

``OTEL_CONFIG_FILE`` is ignored: it would replace the exporters that redact.
"""

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from flask import Flask, g, request
from opentelemetry import _logs, metrics, trace
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider, SimpleFixedSizeExemplarReservoir
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span

from vshop import __version__
from vshop.kit.settings import SettingsError
from vshop.kit.telemetry import logs, variables
from vshop.kit.telemetry.api import Payloads, Telemetry
from vshop.kit.telemetry.dialects import Exceptions, spell
from vshop.kit.telemetry.exporting import (
    ExceptionLogger,
    RedactingLogExporter,
    RedactingSpanExporter,
    component,
    make_all_exporters,
)
from vshop.kit.telemetry.modes import SDK, set_defaults

_EXEMPLARS = 64  # per series and export
_INTERNAL_METRICS = "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED"

log = logging.getLogger(__name__)


class SdkTelemetry(Telemetry):
    """Create it before anything that it instruments."""

    own_spans = True

    def __init__(self, service: str, payloads: Payloads, exceptions: Exceptions = "event", tail_sampling: float = 100.0) -> None:
        """Set up traces, metrics and logs.

        Args:
            service: ``service.name``.
            payloads: puts payloads on spans.
            exceptions: where exceptions are recorded.
            tail_sampling: the setting of that name, which the readiness check reports below 100.

        Raises:
            SettingsError: an ``OTEL_*`` variable names a component that is not installed, or another program has set up a provider.
        """
        variables.check(os.environ)
        lacking = variables.restriction(os.environ, tail_sampling)
        super().__init__(payloads, f"{SDK}; {lacking}" if lacking else "")
        set_defaults(service)
        resource = Resource.create({"service.version": __version__, "host.name": socket.gethostname()})
        self._tracers = TracerProvider(sampler=_sampler(), resource=resource, id_generator=_id_generator())
        self._loggers = LoggerProvider(resource=resource)
        self._exporters: list[RedactingSpanExporter | RedactingLogExporter] = []
        self._queues: list[BatchSpanProcessor | BatchLogRecordProcessor] = []
        with _counting_losses():
            spans_exporter = partial(RedactingSpanExporter, exception_events=exceptions != "log")
            self._add_exporters("traces", spans_exporter, BatchSpanProcessor, self._tracers.add_span_processor)
            self._add_exporters("logs", RedactingLogExporter, BatchLogRecordProcessor, self._loggers.add_log_record_processor)
            needed, further = [[_reader(one) for one in some] for some in make_all_exporters("metrics")]
            self._readers = needed
            self._meters = MeterProvider([*needed, *further], resource=resource, views=[_exemplar_view()])
        if exceptions != "event":
            self._tracers.add_span_processor(ExceptionLogger(self._loggers))
        self._use_providers()
        metrics.get_meter(__name__).create_observable_counter(
            "shop.telemetry.lost", [self._losses], "{item}", "Spans and log records that no receiver acknowledged"
        )
        _export_logs()

    def _add_exporters(self, signal: str, redacting: Any, queue_of: Any, add: Callable[[Any], None]) -> None:
        needed, further = make_all_exporters(signal)
        exporters = [redacting(exporter) for exporter in (*needed, *further)]
        queues = [queue_of(exporter) for exporter in exporters]
        for queue in queues:
            add(queue)
        self._exporters += exporters[: len(needed)]
        self._queues += queues[: len(needed)]

    def _use_providers(self) -> None:
        trace.set_tracer_provider(self._tracers)
        metrics.set_meter_provider(self._meters)
        _logs.set_logger_provider(self._loggers)
        ours = [self._tracers, self._meters, self._loggers]
        used = [trace.get_tracer_provider(), metrics.get_meter_provider(), _logs.get_logger_provider()]
        for own, found in zip(ours, used, strict=True):
            if found is not own:
                kind = type(found)
                raise SettingsError(
                    f"Another program has set up the {type(own).__name__} {kind.__module__}.{kind.__qualname__} in this process. "
                    "Two cannot work at the same time: remove that program, or set SHOP_TELEMETRY to the command that starts it."
                )

    def _losses(self, _options: CallbackOptions) -> Iterator[Observation]:
        for exporter in self._exporters:
            if exporter.retries.lost:
                yield Observation(exporter.retries.lost, {"signal": exporter.retries.signal})

    def instrument_flask(self, app: Flask) -> None:
        """Trace requests, except health checks."""
        from opentelemetry.instrumentation.flask import FlaskInstrumentor  # noqa: PLC0415 - not every service has Flask spans

        FlaskInstrumentor().instrument_app(app, request_hook=_name_unrouted, response_hook=_keep_error_type, enable_commenter=False)
        super().instrument_flask(app)

    def instrument_requests(self) -> None:
        """Trace the HTTP calls of requests."""
        from opentelemetry.instrumentation.requests import RequestsInstrumentor  # noqa: PLC0415

        payloads = self.payloads

        def on_request(span: Span, prepared: Any) -> None:
            payloads.put_headers(span, "shop.http.request.headers", prepared.headers.items())
            payloads.put(span, "shop.http.request.body", prepared.body if isinstance(prepared.body, str | bytes) else None)

        def on_response(span: Span, _prepared: Any, response: Any) -> None:
            span.set_attributes(spell("http", {"http.response.body.size": len(response.content)}))
            payloads.put_headers(span, "shop.http.response.headers", response.headers.items())
            payloads.put(span, "shop.http.response.body", response.content)

        RequestsInstrumentor().instrument(request_hook=on_request, response_hook=on_response)

    def instrument_dynamodb(self) -> None:
        """Trace DynamoDB calls, with the stable conventions that botocore's instrumentation lacks.

        https://opentelemetry.io/docs/specs/semconv/database/dynamodb/
        """
        from opentelemetry.instrumentation.botocore import BotocoreInstrumentor  # noqa: PLC0415

        payloads = self.payloads

        def on_request(span: Span, _service: str, operation: str, parameters: dict[str, Any]) -> None:
            attributes = {"db.system.name": "aws.dynamodb", "db.operation.name": operation}
            if "TableName" in parameters:
                attributes["db.collection.name"] = parameters["TableName"]
            span.set_attributes(spell("database", attributes))
            payloads.put_json(span, "shop.dynamodb.request", parameters)

        def on_response(span: Span, _service: str, _operation: str, response: dict[str, Any] | None) -> None:
            error = sys.exc_info()[1]  # the library calls this hook while the call's exception propagates
            code = (response or {}).get("Error", {}).get("Code")
            if code:
                span.set_attributes(spell("database", {"db.response.status_code": code}))
            if error is not None:
                span.set_attribute("error.type", code or type(error).__qualname__)
            if response:
                body = {key: value for key, value in response.items() if key != "ResponseMetadata"}
                payloads.put_json(span, "shop.dynamodb.response", body)

        BotocoreInstrumentor().instrument(request_hook=on_request, response_hook=on_response)

    def flush(self, *, metrics: bool = True) -> int:
        """Export what is pending; return how many spans and records were not acknowledged."""
        lost = sum(exporter.retries.lost for exporter in self._exporters)
        for queue in self._queues:
            queue.force_flush()
        for exporter in self._exporters:
            exporter.force_flush()
        for reader in self._readers if metrics else ():
            reader.force_flush()
        return sum(exporter.retries.lost + exporter.retries.waiting for exporter in self._exporters) - lost

    def shutdown(self) -> None:
        """Export what is pending and stop."""
        for provider in (self._tracers, self._meters, self._loggers):
            provider.shutdown()


def _sampler() -> Any:
    name = os.environ.get("OTEL_TRACES_SAMPLER", "").strip()
    built_in = {"", "always_on", "always_off", "traceidratio"}
    if name.removeprefix("parentbased_") in built_in:
        return None
    return component("OTEL_TRACES_SAMPLER", "opentelemetry_traces_sampler", name)(os.environ.get("OTEL_TRACES_SAMPLER_ARG"))


def _id_generator() -> Any:
    name = os.environ.get("OTEL_PYTHON_ID_GENERATOR", "").strip()
    return component("OTEL_PYTHON_ID_GENERATOR", "opentelemetry_id_generator", name)() if name else None


def _reader(exporter: Any) -> MetricReader:
    return exporter if isinstance(exporter, MetricReader) else PeriodicExportingMetricReader(exporter)


@contextlib.contextmanager
def _counting_losses() -> Iterator[None]:
    """Count losses of processors and exporters built inside the block.

    Tracers are built later: they would count every span three times, which took 5 % of stock-updater's CPU time.
    """
    if _INTERNAL_METRICS in os.environ:
        yield
        return
    os.environ[_INTERNAL_METRICS] = "true"
    try:
        yield
    finally:
        del os.environ[_INTERNAL_METRICS]


def _exemplar_view() -> View:
    """Keep an exemplar of each measurement, so that every change of a metric links to its order."""
    return View(instrument_name="shop.*", exemplar_reservoir_factory=lambda _kind: _reservoir)  # type: ignore[arg-type,return-value]


def _reservoir(**arguments: Any) -> SimpleFixedSizeExemplarReservoir:
    return SimpleFixedSizeExemplarReservoir(**{**arguments, "size": _EXEMPLARS})


def _export_logs() -> None:
    from opentelemetry.instrumentation.logging import LoggingInstrumentor  # noqa: PLC0415 - reads OTEL_* at import

    before = list(logging.getLogger().handlers)
    LoggingInstrumentor().instrument()
    added = [handler for handler in logging.getLogger().handlers if handler not in before]
    if not added:  # OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION=false
        return
    exporting = added[-1]
    # `shutdown` flushes. At exit the library would start a thread to flush again, which Python 3.12 refuses.
    exporting.flush = lambda: None  # type: ignore[method-assign]
    logs.leave_out_exporters(exporting)


def _keep_error_type(span: Span, _status: str, _headers: list[tuple[str, str]]) -> None:
    """Restore the exception's ``error.type``, which the library has just replaced by the status code."""
    if "error_type" in g:
        span.set_attribute("error.type", g.error_type)


def _name_unrouted(span: Span, environ: dict[str, Any]) -> None:
    """Name a 404 after its method only, to limit the number of span names."""
    if request.url_rule is None:
        span.update_name(environ["REQUEST_METHOD"])
