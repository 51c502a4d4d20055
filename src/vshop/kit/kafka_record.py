"""A record read from Kafka, as plain data: what the library may return as None is settled once, here."""

import logging
from typing import NamedTuple

from confluent_kafka import Message

log = logging.getLogger(__name__)

Headers = list[tuple[str, bytes]]

MAX_RECORD_BYTES = 10_000_000
"""Largest record that is sent at all: larger than a broker takes by default, so that it is the broker that refuses."""


class Record(NamedTuple):
    """One record: where it lay, what it held, when it was sent (``time_ms``, since the epoch)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    time_ms: int

    def header(self, name: str) -> str | None:
        """Return a header as text; of several the last one counts, as it was written by the last hop."""
        values = [value for key, value in self.headers if key == name]
        return values[-1].decode(errors="backslashreplace") if values else None


def read(message: Message) -> Record:
    """Read a consumed message, which is no error; headers without a value are left out, and all where a name is no UTF-8."""
    try:
        headers = message.headers() or []
    except (SystemError, UnicodeDecodeError) as error:  # how the library takes such a name; it would end the consumer for good
        log.warning(
            "the headers of record %s-%s cannot be read: %s", message.partition(), message.offset(), error.__cause__ or error
        )
        headers = []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        headers=[(name, _bytes(value) or b"") for name, value in pairs if value is not None],
        time_ms=message.timestamp()[1],
    )


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
