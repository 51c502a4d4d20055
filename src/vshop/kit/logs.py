"""JSON lines on stdout, each with the ids of the trace and span it was written in."""

import json
import logging
import sys
from datetime import UTC, datetime

from opentelemetry import trace

from vshop.kit.redaction import redact_value


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON: time, level, service, logger, message, trace_id, span_id, exception."""

    def __init__(self, service: str) -> None:
        """Args: service: the service's name, put into every line."""
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without secrets."""
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
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # half a surrogate pair cannot be written as UTF-8; as its escape it is JSON again
        return json.dumps(redact_value(line), ensure_ascii=False).encode(errors="backslashreplace").decode()


def install(service: str) -> None:
    """Send every record of level INFO and above to stdout as JSON; chatty libraries from WARNING on."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    for chatty in ("botocore", "urllib3", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
