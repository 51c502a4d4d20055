"""Logs as JSON lines on stdout. The observatory exports none of its own telemetry: it would be sending to itself."""

import json
import logging
import sys


class JsonFormatter(logging.Formatter):
    """Writes a record as one line: time, severity, service, logger, body and, where there is one, the exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one record."""
        line = {
            "time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}",
            "severity": record.levelname,
            "service": "observatory",
            "logger": record.name,
            "body": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def to_stdout() -> None:
    """Send the process's logs to stdout."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
