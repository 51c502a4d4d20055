"""The observatory's own JSON: logs, metrics, and counts; and what all query APIs share."""

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from flask import Blueprint, Response, request
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar, HistogramDataPoint, NumberDataPoint, SummaryDataPoint

from observatory.store import Stores, otlp
from observatory.store.log_store import LogRecord
from observatory.store.metric_store import POINT_TYPES, Point, Series
from observatory.store.otlp import decode
from vshop.kit import times

_SEVERITIES = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "ERROR": 17, "FATAL": 21}
"""The lowest of each (https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber)."""
_HIGHEST_SEVERITY = 24
_LOG_LIMIT = 200

_Value = TypeVar("_Value")
_encoder = msgspec.json.Encoder()


class BadParamError(ValueError):
    """An invalid parameter, answered with 400."""

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


def json_response(content: Any, status: int = 200) -> Response:
    """Build a JSON response; ``prettyPrint=true`` indents it."""
    body = _encoder.encode(content)
    if request.args.get("prettyPrint", "") not in {"", "false"}:
        body = msgspec.json.format(body, indent=4)
    return Response(body, status, mimetype="application/json")


def parse_value(name: str, text: str, parse: Callable[[str], _Value]) -> _Value:
    """Parse a parameter's text, or raise BadParamError if ``parse`` raises ValueError."""
    try:
        return parse(text)
    except ValueError as error:
        raise BadParamError(f"Parameter {name} is invalid: {error}", name) from error


def param(params: Mapping[str, str], name: str, parse: Callable[[str], _Value], default: _Value) -> _Value:
    """Parse a parameter that may be missing or empty, or raise BadParamError."""
    return parse_value(name, params[name], parse) if params.get(name) else default


def parse_trace_id(text: str) -> bytes:
    """Parse a trace id, padded with zeros in front, as in Jaeger."""
    if not re.fullmatch(r"[0-9a-fA-F]{1,32}", text):
        raise BadParamError(f"{text!r} does not have 1 to 32 hexadecimal digits")
    return bytes.fromhex(text.rjust(32, "0"))


def parse_integer(text: str, bits: int = 64) -> int:
    """Parse a signed decimal integer, or raise ValueError."""
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError(f"{text!r} is not an integer")
    # Check the length first: Python refuses to parse thousands of digits.
    if len(text) > 32 or not -(2 ** (bits - 1)) <= int(text) < 2 ** (bits - 1):
        raise ValueError(f"{text!r} does not fit into {bits} bits")
    return int(text)


def blueprint(stores: Stores, forwarding_counts: Callable[[], Any], now_ns: Callable[[], int]) -> Blueprint:
    """Build the endpoints that read and clear the stores."""
    traces, logs, metrics = stores
    api = Blueprint("telemetry", __name__)

    @api.get("/api/logs")
    def find_logs() -> Response:
        return json_response({"records": [_log_json(record) for record in _find_logs(logs.records())]})

    @api.get("/api/metrics")
    def find_metrics() -> Response:
        latest = param(request.args, "points", _parse_natural, metrics.max_points)
        found = metrics.series(request.args.get("name", ""), request.args.get("service", ""), latest)
        return json_response({"series": [_series_json(series, points) for series, points in found]})

    @api.get("/api/telemetry")
    def counts() -> Response:
        by_signal = {
            "spans": traces.counts_by_service(),
            "logRecords": logs.counts_by_service(),
            "metricPoints": metrics.counts_by_service(),
        }
        services = sorted({service for counts in by_signal.values() for service in counts})
        return json_response(
            {
                "traces": traces.counts(),
                "logs": logs.counts(),
                "metrics": metrics.counts(),
                "forwarding": forwarding_counts(),
                "services": {
                    service: {signal: counts.get(service, 0) for signal, counts in by_signal.items()} for service in services
                },
            }
        )

    @api.delete("/api/telemetry")
    def clear() -> Response:
        now = now_ns()
        return json_response({"traces": traces.clear(now), "logRecords": logs.clear(now), "metricPoints": metrics.clear()})

    return api


def _find_logs(records: Sequence[LogRecord]) -> list[LogRecord]:
    args = request.args
    trace_id, span_id = param(args, "traceId", parse_trace_id, b""), param(args, "spanId", _parse_span_id, b"")
    service, search = args.get("service", ""), args.get("search", "")
    severity = param(args, "severity", _parse_severity, 0)
    since_ns, limit = param(args, "since", times.parse_time, 0), param(args, "limit", _parse_natural, _LOG_LIMIT)
    found = (
        record
        for record in sorted(records, key=lambda record: record.time_ns, reverse=True)
        if record.time_ns >= since_ns
        and trace_id in {b"", record.trace_id}
        and span_id in {b"", record.span_id}
        and service in {"", record.service}
        and record.severity >= severity
        and (not search or _contains(record, search))
    )
    return list(itertools.islice(found, limit))[::-1]


def _contains(record: LogRecord, text: str) -> bool:
    # ASCII letters and digits need no decoding.
    if text.isascii() and text.isalnum() and text.lower().encode() not in record.raw.lower():
        return False
    message = record.message()
    values = [message.body, *(item.value for item in message.attributes)]
    return any(text.casefold() in otlp.text(value).casefold() for value in values)


def _log_json(record: LogRecord) -> dict[str, Any]:
    """``timestamp`` is in microseconds."""
    message = record.message()
    found = otlp.as_json(message.attributes)
    exception = {name: found[f"exception.{name}"] for name in ("type", "message", "stacktrace") if f"exception.{name}" in found}
    return {
        "time": times.rfc3339(record.time_ns) if record.time_ns else None,
        "timestamp": record.time_ns // 1_000,
        "severity": message.severity_text or _severity_name(record.severity),
        "severityNumber": record.severity,
        "body": otlp.plain(message.body),
        "service": record.service,
        "logger": record.scope.message().name,
        "traceId": record.trace_id.hex(),
        "spanId": record.span_id.hex(),
        "eventName": message.event_name,
        "attributes": found,
        "exception": exception or None,
    }


def _severity_name(number: int) -> str:
    return next((name for name, lowest in reversed(_SEVERITIES.items()) if number >= lowest), "")


def _series_json(stored: Series, points: Sequence[bytes]) -> dict[str, Any]:
    """The oldest point first; times in microseconds."""
    key = stored.key
    return {
        "name": key.name,
        "description": stored.description,
        "unit": key.unit,
        "type": key.kind,
        "temporality": stored.temporality or None,
        "monotonic": key.monotonic,
        "service": key.scope.resource.service,
        "scope": key.scope.message().name,
        "attributes": otlp.as_json(decode(KeyValue, item) for item in key.attributes),
        "points": [_point(decode(POINT_TYPES[key.kind], raw)) for raw in points],
    }


def _point(point: Point) -> dict[str, Any]:
    found: dict[str, Any] = {"time": point.time_unix_nano // 1_000, "startTime": point.start_time_unix_nano // 1_000}
    if isinstance(point, SummaryDataPoint):
        quantiles = [{"quantile": item.quantile, "value": otlp.json_value(item.value)} for item in point.quantile_values]
        return found | {"count": point.count, "sum": otlp.json_value(point.sum), "quantiles": quantiles}
    found["exemplars"] = [_exemplar(item) for item in point.exemplars]
    if isinstance(point, NumberDataPoint):
        return found | {"value": _number(point)}
    found["count"] = point.count
    for name in ("sum", "min", "max"):
        found[name] = otlp.json_value(getattr(point, name)) if point.HasField(name) else None
    if isinstance(point, HistogramDataPoint):
        return found | {"buckets": {"bounds": list(point.explicit_bounds), "counts": list(point.bucket_counts)}}
    for name in ("positive", "negative"):
        side = getattr(point, name)
        found[name] = {"offset": side.offset, "counts": list(side.bucket_counts)}
    return found | {"scale": point.scale, "zeroCount": point.zero_count}


def _exemplar(item: Exemplar) -> dict[str, Any]:
    return {
        "time": item.time_unix_nano // 1_000,
        "value": _number(item),
        "traceId": item.trace_id.hex(),
        "spanId": item.span_id.hex(),
        "attributes": otlp.as_json(item.filtered_attributes),
    }


def _number(item: NumberDataPoint | Exemplar) -> Any:
    kind = item.WhichOneof("value")
    return otlp.json_value(getattr(item, kind)) if kind else None


def _parse_span_id(text: str) -> bytes:
    found = parse_trace_id(text)
    if any(found[:8]):
        raise ValueError("it has more than 16 digits")
    return found[8:]


def _parse_severity(text: str) -> int:
    return _SEVERITIES.get(text.upper()) or _parse_natural(text, _HIGHEST_SEVERITY)


def _parse_natural(text: str, maximum: int = 2**63) -> int:
    number = parse_integer(text)
    if not 0 <= number <= maximum:
        raise ValueError(f"{number} is negative" if number < 0 else f"{number} is greater than {maximum}")
    return number
