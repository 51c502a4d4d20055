"""Receives OTLP/HTTP and Zipkin, checks requests, and switches telemetry faults.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

import importlib
import importlib.util
import math
import secrets
import zlib
from typing import Annotated, Any

import msgspec
from flask import Blueprint, Response, request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from observatory.ingest import Receiver, zipkin
from observatory.ingest.faults import Fault, TelemetryFaults
from observatory.ingest.otlp_json import read_json
from observatory.query import json_response
from observatory.store.otlp import SIGNALS, DecodeError, MessageToJson, Signal, Status, decode
from vshop.kit import times
from vshop.kit.http.problems import Problem, read_body
from vshop.kit.telemetry.alterations import Alteration

ZSTD: Any = importlib.import_module("zstandard") if importlib.util.find_spec("zstandard") else None
"""The optional package zstandard."""

MAX_BODY_BYTES = 20 * 1024 * 1024
"""Of a body, both as sent and decompressed: the OpenTelemetry Collector's default."""

INVALID_ARGUMENT, RESOURCE_EXHAUSTED = 3, 8
"""google.rpc.Status (https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto)."""

_MAX_MEMBERS = 1_000  # of a gzip body: 20 MiB can hold a million empty ones
_PIECE_BYTES = 64 * 1024
_AUTO_HEADER = 47  # zlib's largest window; gzip and zlib headers are both detected

_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_PROTOBUFS = frozenset({_PROTOBUF, "application/protobuf"})
_TRUNCATED = "The body is shorter than its Content-Length."

_MAX_FAULTS_ON = 50


class OtlpError(Exception):
    """A refused request: HTTP status, and google.rpc.Status code."""

    def __init__(self, status: int, message: str, code: int = INVALID_ARGUMENT) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def blueprint(receiver: Receiver) -> Blueprint:
    """Build the endpoints of OTLP/HTTP and Zipkin."""
    otlp = Blueprint("otlp", __name__)
    otlp.register_error_handler(OtlpError, _refusal)

    @otlp.post("/v1/traces", strict_slashes=False, defaults={"signal": "traces"})
    @otlp.post("/v1/logs", strict_slashes=False, defaults={"signal": "logs"})
    @otlp.post("/v1/metrics", strict_slashes=False, defaults={"signal": "metrics"})
    def receive(signal: Signal) -> Response:
        kind = SIGNALS[signal].request
        if request.mimetype not in {*_PROTOBUFS, _JSON}:
            raise OtlpError(
                415, f"Content-Type {request.mimetype!r} is not supported; send {_PROTOBUF} or {_JSON}, or application/protobuf."
            )
        body, is_json = _decompressed(), request.mimetype == _JSON
        try:
            message, rejected, errors = read_json(body, kind) if is_json else (decode(kind, body), 0, [])
        except (DecodeError, ValueError) as error:
            encoding = "JSON" if is_json else "protobuf"
            raise OtlpError(400, f"The body is not an {kind.__name__} in {encoding}: {error}.") from error
        return _response(receiver.receive(signal, message, rejected, errors))

    @otlp.post("/api/v2/spans", strict_slashes=False)
    def receive_zipkin() -> Response:
        if request.mimetype not in {"", _JSON}:
            raise OtlpError(415, f"Content-Type {request.mimetype!r} is not supported; send Zipkin's spans as {_JSON}.")
        try:
            message, rejected, errors = zipkin.requests(_decompressed())
        except ValueError as error:
            raise OtlpError(400, f"The body is not a list of Zipkin spans in JSON: {error}.") from error
        is_refused = rejected and not message.resource_spans
        response = receiver.receive("traces", message, rejected, errors)
        if is_refused:
            raise OtlpError(400, response.partial_success.error_message)
        return Response(status=202)

    return otlp


def _decompressed() -> bytes:
    return decompress(_body(), request.headers.get("Content-Encoding", "").strip().lower())


def _body() -> bytes:
    # Flask truncates a body without a length at the limit. One byte more shows that it is too large.
    request.max_content_length = MAX_BODY_BYTES + 1
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        raise _too_large() from error
    except ClientDisconnected as error:
        raise OtlpError(400, _TRUNCATED) from error
    if len(body) > MAX_BODY_BYTES:
        raise _too_large()
    if request.content_length not in {None, len(body)}:
        raise OtlpError(400, _TRUNCATED)
    return body


def _response(message: Any, status: int = 200) -> Response:
    if request.mimetype in _PROTOBUFS:
        return Response(message.SerializeToString(), status, mimetype=request.mimetype)
    return Response(MessageToJson(message, indent=None), status, mimetype=_JSON)


def _refusal(error: OtlpError) -> Response:
    return _response(Status(code=error.code, message=str(error).encode(errors="replace").decode()), error.status)


def decompress(body: bytes, encoding: str, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Decompress a body without ever allocating more than the limit."""
    if encoding in {"", "identity"}:
        return body
    if encoding == "zstd" and ZSTD:
        return _unzstd(body, max_bytes)
    if encoding not in {"gzip", "deflate"}:
        known = "gzip, deflate, zstd" if ZSTD else "gzip, deflate"
        raise OtlpError(415, f"Content-Encoding {encoding!r} is not supported; send {known} or none.")
    result, at, member, members = bytearray(), 0, None, 0
    try:
        while at < len(body):
            if member is None:
                member, members = zlib.decompressobj(_AUTO_HEADER), members + 1
            if members > _MAX_MEMBERS:
                raise OtlpError(400, f"The {encoding} body has more than {_MAX_MEMBERS} members.")
            # In small pieces, because zlib copies the rest of its input at the end of each member.
            piece = body[at : at + _PIECE_BYTES]
            result += member.decompress(piece, max_bytes + 1 - len(result))
            if len(result) > max_bytes:
                raise _too_large(max_bytes)
            at += len(piece) - len(member.unused_data)
            member = None if member.eof else member
    except zlib.error as error:
        raise OtlpError(400, f"The body is not {encoding}: {error}.") from error
    if member is not None:
        raise OtlpError(400, f"The {encoding} body is truncated.")
    return bytes(result)


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    # The reader ends a truncated frame without an error. A frame of random bytes behind it can then not be read.
    mark = secrets.token_bytes(16)
    try:
        # A frame may claim any window; its reader allocates that much.
        decompressor = ZSTD.ZstdDecompressor(max_window_size=2**23)
        with decompressor.stream_reader(body + ZSTD.ZstdCompressor().compress(mark), read_across_frames=True) as reader:
            result = bytes(reader.read(max_bytes + len(mark) + 1))
    except ZSTD.ZstdError as error:
        raise OtlpError(400, f"The body is not zstd, or is truncated: {error}.") from error
    if len(result) > max_bytes + len(mark):
        raise _too_large(max_bytes)
    if not result.endswith(mark):
        raise OtlpError(400, "The zstd body is truncated.")
    return result[: -len(mark)]


def _too_large(max_bytes: int = MAX_BODY_BYTES) -> OtlpError:
    return OtlpError(413, f"The body is larger than {max_bytes} bytes; send smaller batches.", RESOURCE_EXHAUSTED)


class _WantedFault(msgspec.Struct, forbid_unknown_fields=True):
    alter: Annotated[list[Alteration], msgspec.Meta(min_length=1, max_length=20)]
    seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] | None = None


def faults_blueprint(faults: TelemetryFaults) -> Blueprint:
    """Build ``/api/telemetry-faults``: the faults that are on."""
    api = Blueprint("telemetry_faults", __name__)

    @api.get("/api/telemetry-faults")
    def list_faults() -> Response:
        return json_response({"faults": [_fault_view(one) for one in faults.on()]})

    @api.put("/api/telemetry-faults/<fault_id>")
    def put(fault_id: str) -> Response:
        wanted = read_body(_WantedFault)
        if len(faults.on()) >= _MAX_FAULTS_ON:
            raise Problem(409, f"{_MAX_FAULTS_ON} telemetry faults are on. Switch some off first.")
        return json_response(_fault_view(faults.turn_on(fault_id[:100], wanted.alter, wanted.seconds or math.inf)))

    @api.delete("/api/telemetry-faults", defaults={"fault_id": None})
    @api.delete("/api/telemetry-faults/<fault_id>")
    def delete(fault_id: str | None) -> Response:
        return json_response({"off": faults.turn_off(fault_id)})

    return api


def _fault_view(fault: Fault) -> dict[str, Any]:
    return {
        "id": fault.id,
        "since": times.rfc3339(fault.since_ns),
        "until": times.rfc3339(int(fault.until_ns)) if fault.until_ns < math.inf else None,
        "alter": msgspec.to_builtins(list(fault.alterations)),
    }
