"""A Kafka record as plain data."""

import logging
from typing import NamedTuple

from confluent_kafka import Message

log = logging.getLogger(__name__)

Headers = list[tuple[str, bytes]]

MAX_RECORD_BYTES = 10_000_000
"""Above a broker's default, so that the broker refuses large records."""


class Record(NamedTuple):
    """One record; ``time_ms`` since the epoch."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    time_ms: int

    def header(self, name: str) -> str | None:
        """Return a header as text, or None. Of several values, the last hop wrote the last one."""
        values = [value for key, value in self.headers if key == name]
        return values[-1].decode(errors="backslashreplace") if values else None


def to_record(message: Message) -> Record:
    """Convert the library's message. Leaves out headers without a value, and all if a name is not UTF-8."""
    try:
        headers = message.headers() or []
    except (SystemError, UnicodeDecodeError) as error:  # raised for a name that is not UTF-8; it would end the consumer
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
