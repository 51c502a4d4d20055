"""Puts the observatory's endpoints together."""

import time
from collections.abc import Callable, Sequence

from flask import Flask
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from observatory import alert_api, jaeger_api, jaeger_json, otlp_api, otlp_decode, telemetry_api, trace_link, v3_api
from observatory.alerting.rule import Rule
from observatory.forward import Forwarding
from observatory.log_store import LogStore
from observatory.metric_store import MetricStore
from observatory.trace_store import TraceStore
from vshop.kit import health, openapi, own_origin, problems


def create_app(
    traces: TraceStore,
    logs: LogStore,
    metrics: MetricStore,
    rules: Sequence[Rule],
    now_ns: Callable[[], int] = time.time_ns,
    forwarding: Forwarding | None = None,
    console_url: str = "",
) -> Flask:
    """Make the application that takes telemetry into the stores and answers from them.

    It serves OTLP and queries alike, so that one port would do; ``__main__`` lets it listen on two.

    Args:
        traces: holds the traces.
        logs: holds the log records.
        metrics: holds the metric points.
        rules: the alert rules.
        now_ns: the clock that alerts and clearing go by, in nanoseconds since the epoch.
        forwarding: gets what was taken as well; nobody when not given.
        console_url: where people look at a trace.
    """
    forwarding = forwarding or Forwarding()
    app = Flask("observatory")
    problems.install(app)
    own_origin.guard(app, ())
    app.register_blueprint(otlp_api.blueprint(traces, logs, metrics, forwarding))
    app.register_blueprint(jaeger_api.blueprint(traces))
    app.register_blueprint(v3_api.blueprint(traces))
    app.register_blueprint(telemetry_api.blueprint(traces, logs, metrics, forwarding, now_ns))
    app.register_blueprint(trace_link.blueprint(console_url))
    app.register_blueprint(alert_api.blueprint(traces, logs, rules, now_ns))
    app.register_blueprint(openapi.blueprint(__file__))
    app.register_blueprint(health.blueprint("observatory", {"stores": lambda: _check(traces, logs, metrics)}))
    return app


def _check(traces: TraceStore, logs: LogStore, metrics: MetricStore) -> str:
    """Send a span the whole way, through a store of its own so that nobody sees it, and ask the real stores what they hold."""
    start_ns = time.time_ns()
    span = Span(
        trace_id=b"\x01" * 16, span_id=b"\x02" * 8, name="check", start_time_unix_nano=start_ns, end_time_unix_nano=start_ns + 1
    )
    sent = ExportTraceServiceRequest(resource_spans=[ResourceSpans(resource=Resource(), scope_spans=[ScopeSpans(spans=[span])])])
    store = TraceStore(max_spans=1, max_bytes=10_000)
    store.add(otlp_decode.protobuf(sent.SerializeToString(), ExportTraceServiceRequest))
    held = store.trace(span.trace_id)
    if held is None or jaeger_json.trace(held)["spans"][0]["operationName"] != span.name:
        raise RuntimeError("A span that was stored did not come back.")
    counts = traces.counts()
    return (
        f"a span came back; held are {counts['spans']} spans in {counts['traces']} traces,"
        f" {logs.counts()['records']} log records, {metrics.counts()['points']} metric points"
    )
