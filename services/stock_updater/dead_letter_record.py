"""The format of a dead letter: the record, with its error in ``dlq.*`` headers. No I/O."""

import re
import traceback
from typing import Any

from opentelemetry import trace

from vshop.kit.chaos.baggage import HEADERS, remove_incidents
from vshop.kit.kafka.context import extract_span_context, is_context_header
from vshop.kit.kafka.record import Headers, Record
from vshop.kit.telemetry import errors

_MOVED = "dlq."
REPLAY_OF = "dlq.replay-of"
RECORD_ID = re.compile(r"([0-9]{1,10})-([0-9]{1,19})")
_SUMMARY_BYTES = 8192


def replay_of(record: Record) -> str | None:
    """Return the id of the record that this one replays, or None. The item would keep a malformed id, so it is ignored."""
    found = record.header(REPLAY_OF)
    return found if found and RECORD_ID.fullmatch(found) else None


def record_id(record: Record) -> str:
    """Return ``partition-offset``."""
    return f"{record.partition}-{record.offset}"


def original_record_id(dead_letter: Record) -> str:
    """Return the id of the record that failed first; its redeliveries and replays share it."""
    failed = f"{dead_letter.header('dlq.partition')}-{dead_letter.header('dlq.offset')}"
    return replay_of(dead_letter) or (failed if RECORD_ID.fullmatch(failed) else record_id(dead_letter))


def to_dead_letter(record: Record, error: BaseException) -> Record:
    """Return the record with its error in ``dlq.*`` headers."""
    # The sender injects the context of this hop, so the order's own context moves to dlq.* headers, without the incident in its
    # baggage: a replay must not trigger it again.
    context = [(name, value) for name, value in record.headers if is_context_header(name) and name.lower() not in HEADERS]
    moved = [(f"dlq.{name}", _without_incidents(name, value)) for name, value in context]
    facts = {
        "dlq.error.type": errors.error_type(error),
        "dlq.error.message": str(error),
        "dlq.error.stacktrace": "".join(traceback.format_exception(error)),
        "dlq.topic": record.topic,
        "dlq.partition": record.partition,
        "dlq.offset": record.offset,
    } | ({REPLAY_OF: first} if (first := replay_of(record)) else {})
    described = [(name, str(value).encode()) for name, value in facts.items()]
    return record._replace(headers=[*_producer_headers(record.headers), *moved, *described])


def replay_headers(dead_letter: Record) -> Headers:
    """Return a replay's headers: the producer's, and the original record's id."""
    return [*_producer_headers(dead_letter.headers), (REPLAY_OF, original_record_id(dead_letter).encode())]


def original_context(dead_letter: Record) -> Headers:
    """Return the order's trace context and baggage."""
    moved = [(name.removeprefix(_MOVED), value) for name, value in dead_letter.headers if name.startswith(_MOVED)]
    return [(name, value) for name, value in moved if is_context_header(name)]


def _without_incidents(name: str, value: bytes) -> bytes:
    return remove_incidents(value.decode(errors="replace")).encode() if name == "baggage" else value


def _producer_headers(headers: Headers) -> Headers:
    kept = [(name, value) for name, value in headers if not (is_context_header(name) or name.lower() in HEADERS)]
    return [(name, value) for name, value in kept if not name.startswith(_MOVED)]


def halve_value(dead_letter: Record) -> Record:
    """Cut the value; ``dlq.value.cut`` holds its original size."""
    value = dead_letter.value or b""
    return dead_letter._replace(value=value[: len(value) // 2] or None, headers=[*dead_letter.headers, _cut("value", len(value))])


def keep_summary(dead_letter: Record) -> Record:
    """Keep 8 KiB of value and key, and the error's headers."""
    value, key = dead_letter.value or b"", dead_letter.key or b""
    own = [(name, content) for name, content in dead_letter.headers if not name.startswith("dlq.")]
    described = [(name, content[:_SUMMARY_BYTES]) for name, content in dead_letter.headers if name.startswith("dlq.")]
    size = sum(len(name) + len(content) for name, content in own)
    cuts = [_cut("value", len(value)), _cut("key", len(key)), _cut("headers", size)]
    return dead_letter._replace(value=value[:_SUMMARY_BYTES] or None, key=key[:_SUMMARY_BYTES] or None, headers=[*described, *cuts])


def _cut(what: str, size: int) -> tuple[str, bytes]:
    return f"dlq.{what}.cut", str(size).encode()


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else -1


def describe(dead_letter: Record) -> dict[str, Any]:
    """Return a dead letter as JSON. A record without a trace belongs to the trace in which it failed."""
    contexts = map(extract_span_context, (original_context(dead_letter), dead_letter.headers))
    found = next((context for context in contexts if context.is_valid), None)
    return {
        "id": record_id(dead_letter),
        "time": dead_letter.time_ms / 1000,
        "errorType": dead_letter.header("dlq.error.type"),
        "errorMessage": dead_letter.header("dlq.error.message"),
        "topic": dead_letter.header("dlq.topic"),
        "partition": _number(dead_letter.header("dlq.partition")),
        "offset": _number(dead_letter.header("dlq.offset")),
        "traceId": None if found is None else trace.format_trace_id(found.trace_id),
        "key": None if dead_letter.key is None else dead_letter.key.decode(errors="backslashreplace"),
        "value": None if dead_letter.value is None else dead_letter.value.decode(errors="backslashreplace"),
    }
