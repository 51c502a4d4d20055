"""The parts of protobuf's runtime in use here. It comes without types: this is the one place that has to look away."""

from typing import Any, TypeVar

from google.protobuf.json_format import MessageToDict, MessageToJson, ParseDict, ParseError  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

__all__ = ["DecodeError", "MessageToDict", "MessageToJson", "ParseDict", "ParseError", "Status", "decode"]

_Message = TypeVar("_Message")


def decode(kind: type[_Message], raw: bytes) -> _Message:
    """Decode a message of a kind.

    Raises:
        DecodeError: the bytes are no such message.
    """
    message: Any = kind()
    message.ParseFromString(raw)
    return message  # type: ignore[no-any-return]
