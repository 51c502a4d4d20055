"""Takes telemetry over OTLP/HTTP: ``/v1/traces``, ``/v1/logs``, ``/v1/metrics`` (https://opentelemetry.io/docs/specs/otlp/#otlphttp)."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Blueprint, Response, request
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest, ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from observatory import otlp_decode
from observatory.forward import Forwarding
from observatory.forward_target import Signal
from observatory.log_store import LogStore
from observatory.metric_store import MetricStore
from observatory.otlp_decode import OtlpError
from observatory.protobuf import MessageToJson, Status
from observatory.trace_store import TraceStore

_PROTOBUF, _JSON = "application/x-protobuf", "application/json"

_CUT_OFF = "The body ends before its Content-Length."

_Request = TypeVar("_Request")


def blueprint(traces: TraceStore, logs: LogStore, metrics: MetricStore, forwarding: Forwarding) -> Blueprint:
    """Make the endpoints that fill the three stores, and hand on what they took."""
    otlp = Blueprint("otlp", __name__, url_prefix="/v1")
    otlp.register_error_handler(OtlpError, _refusal)

    @otlp.post("/traces")
    def take_traces() -> Response:
        answer = ExportTraceServiceResponse()
        refused = _take(ExportTraceServiceRequest, traces.add, "traces")
        if refused:
            answer.partial_success.rejected_spans = refused
            answer.partial_success.error_message = (
                f"{refused} spans have a trace, span or parent id of a wrong length, or all zero."
            )
        return _answer(answer)

    @otlp.post("/logs")
    def take_logs() -> Response:
        _take(ExportLogsServiceRequest, logs.add, "logs")
        return _answer(ExportLogsServiceResponse())

    @otlp.post("/metrics")
    def take_metrics() -> Response:
        _take(ExportMetricsServiceRequest, metrics.add, "metrics")
        return _answer(ExportMetricsServiceResponse())

    def _take(kind: type[_Request], add: Callable[[_Request], int], signal: Signal) -> int:
        message = _decoded(kind)
        refused = add(message)
        forwarding.offer(signal, message)
        return refused

    return otlp


def _decoded(kind: type[_Request]) -> _Request:
    if request.mimetype not in {_PROTOBUF, _JSON}:
        raise OtlpError(415, f"Content-Type {request.mimetype!r} is not OTLP's; send {_PROTOBUF} or {_JSON}.")
    body = otlp_decode.decompress(_body(), request.headers.get("Content-Encoding", "").strip().lower())
    decode = otlp_decode.json_body if request.mimetype == _JSON else otlp_decode.protobuf
    return decode(body, kind)


def _body() -> bytes:
    # A body without a length is silently cut at the limit: it takes one byte more to know that it is too large.
    request.max_content_length = otlp_decode.MAX_BODY_BYTES + 1
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise otlp_decode.too_large() from error
    except ClientDisconnected as error:
        raise OtlpError(400, _CUT_OFF) from error
    if len(body) > otlp_decode.MAX_BODY_BYTES:
        raise otlp_decode.too_large()
    if request.content_length not in {None, len(body)}:
        raise OtlpError(400, _CUT_OFF)
    return body


def _answer(message: Any, status: int = 200) -> Response:
    # In the encoding of the request; an error of unknown encoding in JSON, which a person can read.
    if request.mimetype == _PROTOBUF:
        return Response(message.SerializeToString(), status, mimetype=_PROTOBUF)
    return Response(MessageToJson(message, indent=None), status, mimetype=_JSON)


def _refusal(error: OtlpError) -> Response:
    return _answer(Status(code=error.code, message=str(error)), error.status)
