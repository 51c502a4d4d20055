"""What each action does to a span or log record. ``delay`` and ``sampleErrors`` hold items: see the filter."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from vshop.kit.telemetry.alterations import Alteration

NS_PER_MS = 1_000_000
_MAX_NS, _MAX_COUNT = 2**64 - 1, 2**32 - 1
_KINDS = {name: Span.SpanKind.Value(f"SPAN_KIND_{name}") for name in ("SERVER", "CLIENT", "PRODUCER", "CONSUMER")}


class TraceState(msgspec.Struct):
    """What the filter knows about one trace.

    ``alterations`` were on when its first span began. ``kept``: delivered spans by alteration and service. ``held`` messages wait
    for the decision of ``sampleErrors``.
    """

    began_ns: int
    alterations: Sequence[Alteration] = ()
    kept: Counter[tuple[int, str]] = msgspec.field(default_factory=Counter)
    held: list[Any] = []
    failed: bool = False
    decided: bool | None = None


def matches(one: Alteration, item: Any) -> bool:
    """Return whether an alteration concerns a span; it concerns every log record."""
    if not isinstance(item, Span):
        return True
    return item.name.startswith(one.name) and (one.kind is None or item.kind == _KINDS[one.kind])


def alter(one: Alteration, item: Any, state: TraceState, service: str) -> list[Any]:
    """Alter an item in place, and return what is to be delivered."""
    return _ACTIONS[one.action](one, item, state, service)


def _drop(_one: Alteration, _item: Any, _state: TraceState, _service: str) -> list[Any]:
    return []


def _shift(one: Alteration, item: Any, _state: TraceState, _service: str) -> list[Any]:
    _move(item, lambda time_ns: time_ns + one.ms * NS_PER_MS)
    return [item]


def _mirror(_one: Alteration, item: Any, state: TraceState, _service: str) -> list[Any]:
    _move(item, lambda time_ns: 2 * state.began_ns - time_ns)
    return [item]


def _move(item: Any, moved: Callable[[int], int]) -> None:
    for holder in (item, *getattr(item, "events", ())):
        for name in ("start_time_unix_nano", "end_time_unix_nano", "time_unix_nano"):
            if getattr(holder, name, 0):
                setattr(holder, name, min(max(1, moved(getattr(holder, name))), _MAX_NS))


def _duplicate(_one: Alteration, item: Any, _state: TraceState, _service: str) -> list[Any]:
    """Not the same bytes, which the store takes for a repeated request."""
    second = type(item)()
    second.CopyFrom(item)
    _count_dropped(second, len(second.attributes))
    del second.attributes[:]
    return [item, second]


def _shorten_trace_id(_one: Alteration, item: Any, _state: TraceState, _service: str) -> list[Any]:
    item.trace_id = bytes(8) + item.trace_id[8:]
    return [item]


def _strip(one: Alteration, item: Any, _state: TraceState, _service: str) -> list[Any]:
    kept = [pair for pair in item.attributes if not pair.key.startswith(tuple(one.keys))]
    _count_dropped(item, len(item.attributes) - len(kept))
    _replace(item.attributes, kept)
    return [item]


def _cut(one: Alteration, item: Any, _state: TraceState, _service: str) -> list[Any]:
    for pair in item.attributes:
        if pair.key.startswith(tuple(one.keys)) and pair.value.WhichOneof("value") == "string_value":
            pair.value.string_value = pair.value.string_value[: one.length]
    return [item]


def _unlink(_one: Alteration, item: Any, _state: TraceState, _service: str) -> list[Any]:
    item.dropped_links_count = min(item.dropped_links_count + len(item.links), _MAX_COUNT)
    del item.links[:]
    item.parent_span_id = b""
    return [item]


def _keep(one: Alteration, item: Any, state: TraceState, service: str) -> list[Any]:
    key = (id(one), service)
    state.kept[key] += 1
    return [item] if state.kept[key] <= one.count else []


def _sample(one: Alteration, item: Any, _state: TraceState, _service: str) -> list[Any]:
    return [item] if one.samples(item.trace_id.hex()) else []


def _forget_trace(_one: Alteration, item: Any, _state: TraceState, _service: str) -> list[Any]:
    item.trace_id = item.span_id = b""
    return [item]


def _count_dropped(item: Any, attributes: int) -> None:
    item.dropped_attributes_count = min(item.dropped_attributes_count + attributes, _MAX_COUNT)


def _replace(pairs: Any, kept: list[KeyValue]) -> None:
    copies = [KeyValue.FromString(pair.SerializeToString()) for pair in kept]
    del pairs[:]
    pairs.extend(copies)


_ACTIONS: dict[str, Callable[[Alteration, Any, TraceState, str], list[Any]]] = {
    "drop": _drop,
    "shift": _shift,
    "mirror": _mirror,
    "duplicate": _duplicate,
    "shortenTraceId": _shorten_trace_id,
    "strip": _strip,
    "cut": _cut,
    "unlink": _unlink,
    "keep": _keep,
    "sample": _sample,
    "forgetTrace": _forget_trace,
}
