"""What a dead letter is: the record as it was, and what went wrong with it in headers. No I/O."""

import re
import traceback
from typing import Any

from opentelemetry import trace

from vshop.kit import failures
from vshop.kit.blind import without_incidents
from vshop.kit.kafka_context import CONTEXT_HEADERS, span_context
from vshop.kit.kafka_record import Headers, Record

REPLAY_OF = "dlq.replay-of"
PLACE = re.compile(r"([0-9]{1,10})-([0-9]{1,19})")
_BARE_BYTES = 8192


def replay_of(record: Record) -> str | None:
    """Name the record that this one is a replay of, by its place; nothing else is taken, for the item would keep it for ever."""
    found = record.header(REPLAY_OF)
    return found if found and PLACE.fullmatch(found) else None


def place(record: Record) -> str:
    """Name a record by its place on its topic: partition and offset. For a dead letter that is its id."""
    return f"{record.partition}-{record.offset}"


def origin(letter: Record) -> str:
    """Name the record that a letter is about: the same for every letter about it, and for letters about its replays.

    A consumer that dies between writing a letter and its commit writes another one, and a replay may fail again.
    """
    about = f"{letter.header('dlq.partition')}-{letter.header('dlq.offset')}"
    return replay_of(letter) or (about if PLACE.fullmatch(about) else place(letter))


def letter_of(record: Record, error: BaseException) -> Record:
    """Return a record as it was, with what went wrong in ``dlq.*`` headers."""
    # The order's own trace and baggage are kept: what is injected on the way out is this hop's, which may be another trace.
    # Not the incident that broke it: a replay comes when that is over.
    kept = [(f"dlq.{name}", _kept(name, value)) for name, value in record.headers if name in CONTEXT_HEADERS]
    facts = {
        "dlq.error.type": failures.error_type(error),
        "dlq.error.message": str(error),
        "dlq.error.stacktrace": "".join(traceback.format_exception(error)),
        "dlq.topic": record.topic,
        "dlq.partition": record.partition,
        "dlq.offset": record.offset,
    } | ({REPLAY_OF: first} if (first := replay_of(record)) else {})
    described = [(name, str(value).encode()) for name, value in facts.items()]
    return record._replace(headers=[*_plain(record.headers), *kept, *described])


def replay_headers(letter: Record) -> Headers:
    """Return what goes with a letter's replay: its producer's own headers, and which record it is a replay of."""
    return [*_plain(letter.headers), (REPLAY_OF, origin(letter).encode())]


def own_context(letter: Record) -> Headers:
    """Return the headers of the order's own trace and baggage."""
    found = ((name, letter.header(f"dlq.{name}")) for name in CONTEXT_HEADERS)
    return [(name, value.encode()) for name, value in found if value is not None]


def _kept(name: str, value: bytes) -> bytes:
    return without_incidents(value.decode(errors="replace")).encode() if name == "baggage" else value


def _plain(headers: Headers) -> Headers:
    """Leave out the headers that belong to one journey: trace context, and what dead-lettering added."""
    return [(name, value) for name, value in headers if name not in CONTEXT_HEADERS and not name.startswith("dlq.")]


def with_less_value(letter: Record) -> Record:
    """Leave out half of the value; ``dlq.value.cut`` tells its size."""
    value = letter.value or b""
    return letter._replace(value=value[: len(value) // 2] or None, headers=[*letter.headers, _cut("value", len(value))])


def bare(letter: Record) -> Record:
    """Keep the beginning of the value and of the key, and of the headers what says what went wrong and where."""
    value, key = letter.value or b"", letter.key or b""
    own = [(name, content) for name, content in letter.headers if not name.startswith("dlq.")]
    described = [(name, content[:_BARE_BYTES]) for name, content in letter.headers if name.startswith("dlq.")]
    size = sum(len(name) + len(content) for name, content in own)
    cuts = [_cut("value", len(value)), _cut("key", len(key)), _cut("headers", size)]
    return letter._replace(value=value[:_BARE_BYTES] or None, key=key[:_BARE_BYTES] or None, headers=[*described, *cuts])


def _cut(what: str, size: int) -> tuple[str, bytes]:
    return f"dlq.{what}.cut", str(size).encode()


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else -1


def describe(letter: Record) -> dict[str, Any]:
    """Return a dead letter as JSON: what failed and why, where it came from, its trace, the record itself."""
    # the trace it came in; if it came in none, the one in which it failed
    found = next(
        (context for headers in (own_context(letter), letter.headers) if (context := span_context(headers)).is_valid), None
    )
    return {
        "id": place(letter),
        "time": letter.time_ms / 1000,
        "errorType": letter.header("dlq.error.type"),
        "errorMessage": letter.header("dlq.error.message"),
        "topic": letter.header("dlq.topic"),
        "partition": _number(letter.header("dlq.partition")),
        "offset": _number(letter.header("dlq.offset")),
        "traceId": None if found is None else trace.format_trace_id(found.trace_id),
        "key": None if letter.key is None else letter.key.decode(errors="backslashreplace"),
        "value": None if letter.value is None else letter.value.decode(errors="backslashreplace"),
    }
