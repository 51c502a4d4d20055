"""Starts the observatory: ``python -m observatory``."""

import contextlib
import logging
import sys
from pathlib import Path

from observatory import forward, json_lines
from observatory.alerting import rules_file
from observatory.alerting.rules_file import RulesError
from observatory.app import create_app
from observatory.log_store import LogStore
from observatory.metric_store import MetricStore
from observatory.trace_store import TraceStore
from vshop.kit import settings
from vshop.kit.server import AddressInUseError, HttpServer, stop_event

log = logging.getLogger("observatory")


def main() -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    json_lines.to_stdout()
    stop = stop_event()
    try:
        wanted = settings.load()
        traces = TraceStore(wanted.store_max_spans, wanted.store_max_bytes)
        # There is about one log record to a span.
        logs = LogStore(wanted.store_max_spans, wanted.store_max_bytes)
        forwarding = forward.from_settings(wanted)
        rules = rules_file.load(Path(__file__).with_name("alert_rules.yaml"))
        metrics = MetricStore(max_bytes=wanted.store_max_bytes)
        app = create_app(traces, logs, metrics, rules, forwarding=forwarding, console_url=wanted.console_url)
        with forwarding, contextlib.ExitStack() as servers:
            for port in sorted({wanted.otlp_port, wanted.query_port}):
                servers.enter_context(HttpServer(app, wanted.host, port))
            stop.wait()
    except (settings.SettingsError, RulesError, AddressInUseError) as error:
        log.error("%s", error)  # noqa: TRY400 - the text says it all; a stack trace would bury it
        return 1
    log.info("stopped with %s", traces.counts())
    return 0


if __name__ == "__main__":
    sys.exit(main())
