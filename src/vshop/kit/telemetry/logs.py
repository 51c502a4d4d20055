"""Writes logs as JSON lines with trace ids, without secrets."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace

from vshop.kit.telemetry.secrets import redact, redact_value


class JsonFormatter(logging.Formatter):
    """One JSON object: time, level, service, logger, message, trace_id, span_id, exception."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the redacted line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line["trace_id"] = trace.format_trace_id(context.trace_id)
            line["span_id"] = trace.format_span_id(context.span_id)
        if record.exc_info or record.exc_text:
            line["exception"] = self.formatException(record.exc_info) if record.exc_info else record.exc_text or ""
        # A lone surrogate cannot be encoded as UTF-8, so it is written as its JSON escape.
        return json.dumps(redact_value(line), ensure_ascii=False).encode(errors="backslashreplace").decode()


def install(service: str) -> None:
    """Write records from INFO on to stdout; those of verbose libraries from WARNING on.

    An agent's handler, which exports records, stays.
    """
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    # `basicConfig` makes a plain StreamHandler, also for an agent.
    exporting = [one for one in root.handlers if type(one) is not logging.StreamHandler]
    for one in exporting:
        leave_out_exporters(one)
    root.handlers[:] = [handler, *exporting]
    root.setLevel(logging.INFO)
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    for verbose in ("botocore", "urllib3", "werkzeug"):
        logging.getLogger(verbose).setLevel(logging.WARNING)


def leave_out_exporters(handler: logging.Handler) -> None:
    """Let a handler ignore OpenTelemetry's own records: a failed export would make another record to export."""
    handler.addFilter(lambda record: not record.name.startswith("opentelemetry."))


def redact_records() -> None:
    """Redact log records when they are made, for handlers of an agent."""
    make = logging.getLogRecordFactory()

    def make_clean(*args: Any, **options: Any) -> logging.LogRecord:
        record = make(*args, **options)
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info and record.exc_info[0]:
            text = logging.Formatter().formatException(record.exc_info)
            clean = redact(text)
            if clean != text:
                record.exc_info, record.exc_text = None, clean
        return record

    logging.setLogRecordFactory(make_clean)
