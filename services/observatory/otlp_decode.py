"""Decodes the bodies of OTLP/HTTP requests (https://opentelemetry.io/docs/specs/otlp/#otlphttp), distrusting every one of them."""

import base64
import binascii
import json
import re
import zlib
from typing import Any, TypeVar

from observatory.protobuf import DecodeError, ParseDict, ParseError, decode

MAX_BODY_BYTES = 20 * 1024 * 1024
"""Largest body taken, as sent and again when decompressed. It is the OpenTelemetry Collector's default."""

INVALID_ARGUMENT, RESOURCE_EXHAUSTED = 3, 8
"""Codes of google.rpc.Status (https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto)."""

_ID_KEYS = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")
_MAX_MEMBERS = 1_000  # of a gzip body; clients send one, and 20 MiB hold a million empty ones
_PIECE_BYTES = 64 * 1024
_AUTO_HEADER = 47  # zlib's largest window, with the header (gzip or zlib) recognised by itself

_Request = TypeVar("_Request")


class OtlpError(Exception):
    """A request that cannot be taken.

    Attributes:
        status: HTTP status of the answer.
        code: google.rpc.Status code of the answer.
    """

    def __init__(self, status: int, message: str, code: int = INVALID_ARGUMENT) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def decompress(body: bytes, encoding: str, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Undo a ``Content-Encoding``, never holding more than the most that is allowed.

    Args:
        body: as it came.
        encoding: the header's value: gzip, deflate, identity or nothing.
        max_bytes: most bytes to make of it.

    Raises:
        OtlpError: 400 it is not what it says, 413 it becomes too large, 415 another encoding.
    """
    if encoding in {"", "identity"}:
        return body
    if encoding not in {"gzip", "deflate"}:
        raise OtlpError(415, f"Content-Encoding {encoding!r} is not known; send gzip, deflate or none.")
    found, at, member, members = bytearray(), 0, None, 0
    try:
        while at < len(body):
            if member is None:
                member, members = zlib.decompressobj(_AUTO_HEADER), members + 1
            if members > _MAX_MEMBERS:
                raise OtlpError(400, f"The {encoding} body has more than {_MAX_MEMBERS} members.")
            # Piece by piece: what is left over after a member's end is copied each time.
            piece = body[at : at + _PIECE_BYTES]
            found += member.decompress(piece, max_bytes + 1 - len(found))
            if len(found) > max_bytes:
                raise too_large(max_bytes)
            at += len(piece) - len(member.unused_data)
            member = None if member.eof else member
    except zlib.error as error:
        raise OtlpError(400, f"The body is not {encoding}: {error}.") from error
    if member is not None:
        raise OtlpError(400, f"The {encoding} body ends before its end.")
    return bytes(found)


def too_large(max_bytes: int = MAX_BODY_BYTES) -> OtlpError:
    """Make the error for a body beyond the limit."""
    return OtlpError(413, f"The body is larger than {max_bytes} bytes; send smaller batches.", RESOURCE_EXHAUSTED)


def protobuf(body: bytes, request: type[_Request]) -> _Request:
    """Decode binary protobuf.

    Raises:
        OtlpError: 400, it is none of that message.
    """
    try:
        return decode(request, body)
    except DecodeError as error:
        raise OtlpError(400, f"The body is no {request.__name__} in protobuf: {error}.") from error


def json_body(body: bytes, request: type[_Request]) -> _Request:
    """Decode OTLP's JSON: protobuf's, but for ids in hex; unknown fields are ignored (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).

    Raises:
        OtlpError: 400, it is no JSON, or not of that message.
    """
    try:
        content = json.loads(body, object_hook=_base64_ids)
        if not isinstance(content, dict):
            raise OtlpError(400, "The body is JSON, but no object.")
        message = request()
        # It stumbles, with an AttributeError, over lists where it expects objects.
        ParseDict(content, message, ignore_unknown_fields=True)
    except (ValueError, TypeError, AttributeError, RecursionError, ParseError) as error:
        raise OtlpError(400, f"The body is no {request.__name__} in JSON: {str(error)[:500]}.") from error
    return message


def _base64_ids(item: dict[str, Any]) -> dict[str, Any]:
    for key in _ID_KEYS:
        value = item.get(key)
        if isinstance(value, str):
            try:
                # unhexlify takes no blanks, other than bytes.fromhex.
                item[key] = base64.b64encode(binascii.unhexlify(value)).decode()
            except (binascii.Error, ValueError) as error:
                shown = re.sub(r"[^ -~]", "?", value[:64])
                raise ValueError(f"{key} is not hexadecimal: {shown!r}") from error
    return item
