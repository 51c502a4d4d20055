"""Builds the observatory's Flask application."""

from collections.abc import Sequence

from flask import Flask
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from observatory import alerting, query
from observatory.ingest import Receiver, http_api
from observatory.jaeger import outlines, v1_api, v1_json, v3_api
from observatory.store import Stores, TraceStore
from vshop.kit.http import flush, health, problems, same_origin


def create_app(
    receiver: Receiver,
    rules: Sequence[alerting.Rule],
    *,
    console_url: str = "",
    allowed_hosts: Sequence[str] = (),
    cors_origins: str = "",
) -> Flask:
    """Build the application, with OTLP and queries; ``__main__`` serves it on two ports.

    Changes are accepted under ``allowed_hosts`` too; pages of ``cors_origins`` may send telemetry.
    """
    stores, forwarding = receiver.stores, receiver.forwarding
    app = Flask("observatory")
    problems.install(app)
    app.register_error_handler(query.BadParamError, lambda error: problems.answer(400, f"{error}.", field=error.name))
    same_origin.refuse_cross_origin(app, allowed_hosts, same_origin.SharedPaths(("/v1/", "/api/v2/spans"), cors_origins))
    app.register_blueprint(http_api.blueprint(receiver))
    app.register_blueprint(http_api.faults_blueprint(receiver.faults))
    app.register_blueprint(v1_api.blueprint(stores.traces))
    app.register_blueprint(v3_api.blueprint(stores.traces))
    app.register_blueprint(outlines.blueprint(stores.traces))
    app.register_blueprint(query.blueprint(stores, forwarding.counts, receiver.now_ns))
    app.register_blueprint(v1_api.link_blueprint(console_url))
    app.register_blueprint(alerting.blueprint(stores, rules, receiver.now_ns))
    flush.install(app, "observatory", lambda **_: 0, lambda _offsets, deadline: forwarding.wait_sent(deadline))
    app.register_blueprint(health.blueprint("observatory", {"stores": lambda: _check(stores)}, __file__))

    @app.get("/")
    def index() -> dict[str, str | list[str]]:
        return {
            "service": "observatory",
            "receives": ["/v1/traces", "/v1/metrics", "/v1/logs", "/api/v2/spans"],
            "queries": ["/api/services", "/api/traces", "/api/v3/traces", "/api/v3/trace-summaries", "/api/logs", "/api/metrics"],
            "description": "/openapi.yaml",
        }

    return app


def _check(stores: Stores) -> str:
    span = Span(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, name="check", start_time_unix_nano=1, end_time_unix_nano=2)
    sent = ExportTraceServiceRequest(resource_spans=[ResourceSpans(scope_spans=[ScopeSpans(spans=[span])])])
    store = TraceStore(max_spans=1, max_bytes=10_000)
    store.add(sent)
    stored = store.trace(span.trace_id)
    if stored is None or v1_json.trace(stored)["spans"][0]["operationName"] != span.name:
        raise RuntimeError("A stored span could not be read back.")
    counts = stores.traces.counts()
    return (
        f"a stored span was read back; the stores hold {counts['spans']} spans in {counts['traces']} traces,"
        f" {stores.logs.counts()['records']} log records, {stores.metrics.counts()['points']} metric points"
    )
