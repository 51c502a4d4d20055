"""Builds and runs the observatory."""

import contextlib
import logging
from pathlib import Path

from observatory import alerting, forward
from observatory.app import create_app
from observatory.ingest import Receiver, grpc_server, http_api
from observatory.store import LogStore, MetricStore, Stores, TraceStore
from vshop.kit.http.same_origin import host_names
from vshop.kit.http.server import HttpServer, run_service, stop_event
from vshop.kit.settings import load
from vshop.kit.telemetry import logs as json_logs

log = logging.getLogger("observatory")


def main() -> None:
    """Run it. It exports no telemetry, because it would send it to itself."""
    json_logs.install("observatory")
    stop = stop_event()
    settings = load()
    stores = Stores(
        TraceStore(settings.store_max_spans, settings.store_max_bytes),
        LogStore(settings.store_max_spans, settings.store_max_bytes),  # a span has about one log record
        MetricStore(max_bytes=settings.store_max_bytes),
    )
    forwarding = forward.from_settings(settings)
    alert_rules = alerting.load(Path(__file__).with_name("alerting") / "rules.yaml")
    receiver = Receiver(stores, forwarding)
    app = create_app(
        receiver,
        alert_rules,
        console_url=settings.console_url,
        allowed_hosts=host_names(settings.allowed_hosts),
        cors_origins=settings.cors_origins,
    )
    with forwarding, contextlib.ExitStack() as servers:
        for port in sorted({settings.otlp_port, settings.query_port}):
            servers.enter_context(HttpServer(app, settings.host, port))
        if settings.otlp_grpc_port and grpc_server.installed():
            port = settings.otlp_grpc_port
            servers.enter_context(grpc_server.serving(receiver, settings.host, port, http_api.MAX_BODY_BYTES))
        stop.wait()
    log.info("stopped with %s", stores.traces.counts())


if __name__ == "__main__":
    run_service(main)
