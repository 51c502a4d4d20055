"""Replaces what differs between runs: ids, ports, times, memory addresses and file paths in texts; the spans' times.

A span takes ``OWN_NS`` beside its children, unless a timeout or a duration in the incident's file makes it slow. Measured times
determine the order of spans, never their durations.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from vshop.corpus.otlp import Json, Row
from vshop.incidents.patterns import Expect, ExpectedSpan, Test
from vshop.kit.settings import Settings
from vshop.runtime.model.parts import PARTS
from vshop.shop.spans import attributes, kind_name

_DEFAULT_PORTS = {name: number for part in PARTS for name, number in part.ports.items()}
_OTHER_PORT = 50000
"""For any ephemeral port."""

_ID_KEYS = ("traceId", "spanId", "parentSpanId")
_PORT_KEYS = {"server.port", "client.port", "network.peer.port", "network.local.port"}
_FIXED = {"host.name": "virtual-shop", "aws.request_id": "REQUEST"}

_ID = re.compile(r"\b(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{16})\b")
_PORT = re.compile(r"(?:(?<=127\.0\.0\.1:)|(?<=localhost:)|(?<=port=))\d+\b")
_MOMENT = re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_HTTP_DATE = re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} 20\d\d \d\d:\d\d:\d\d GMT")
_MEMORY = re.compile(r"\b0x[0-9a-f]{6,16}\b")
_FILE = re.compile(r'(?<=File ")[^"]+(?=")')
_FOLDERS = (
    ("/_services/", "services/"),
    ("/services/", "services/"),
    ("/src/vshop/", "vshop/"),
    ("/site-packages/", ""),
    ("/lib/python", "lib/python"),
)
"""In stack traces; the first match counts."""


class Names:
    """Canonical ids: hashes of the seed, the case and the order of first use."""

    def __init__(self, seed: int, case: str) -> None:
        self._root = f"{seed}/{case}"
        self._given: dict[str, str] = {}

    def replacement(self, original: str) -> str:
        """Return the replacement of a trace id, span id or UUID."""
        if original not in self._given:
            text = hashlib.sha256(f"{self._root}/{len(self._given) + 1}".encode()).hexdigest()
            uuid = f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"
            self._given[original] = uuid if "-" in original else text[: len(original)]
        return self._given[original]


class Rewriter:
    """Rewrites the texts of one case."""

    def __init__(self, names: Names, ports: Mapping[str, int]) -> None:
        self.names = names
        self._ports = {number: _DEFAULT_PORTS.get(name, _OTHER_PORT) for name, number in ports.items()}
        self.moment_ns = 0
        """The time that replaces times in the next texts."""

    def owner(self, item: Json) -> Json:
        """Rewrite the ids and attributes of an item, if it has any."""
        made = item | {name: self.names.replacement(item[name]) for name in _ID_KEYS if item.get(name)}
        if "attributes" in item:
            made["attributes"] = [{"key": one["key"], "value": self.value(one["key"], one["value"])} for one in item["attributes"]]
        return made

    def deep(self, value: Any) -> Any:
        """Rewrite every text in plain JSON."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.deep(one) for one in value]
        return {key: self.deep(one) for key, one in value.items()} if isinstance(value, dict) else value

    def text(self, text: str) -> str:
        """Rewrite one text."""
        text = _ID.sub(lambda found: self.names.replacement(found[0]), text)
        text = _PORT.sub(lambda found: str(self._ports.get(int(found[0]), _OTHER_PORT)), text)
        text = _MOMENT.sub(self._moment, text)
        text = _HTTP_DATE.sub(lambda _: format_datetime(self._now(), usegmt=True), text)
        text = _MEMORY.sub("0x7f0000000000", text)
        return _FILE.sub(lambda found: _canonical_path(found[0]), text)

    def value(self, key: str, value: Json) -> Json:
        """Rewrite the value of an attribute."""
        if key in _FIXED:
            return {"stringValue": _FIXED[key]}
        if key in _PORT_KEYS and "intValue" in value:
            return {"intValue": str(self._ports.get(int(value["intValue"]), _OTHER_PORT))}
        if "stringValue" in value:
            return {"stringValue": self.text(value["stringValue"])}
        if "arrayValue" in value:
            return {"arrayValue": {"values": [self.value(key, one) for one in value["arrayValue"].get("values", [])]}}
        return value

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.moment_ns // 1_000_000_000, UTC)

    def _moment(self, found: re.Match[str]) -> str:
        digits = len(found[1]) - 1 if found[1] else 0
        fraction = f".{self.moment_ns % 1_000_000_000:09d}"[: digits + 1] if digits else ""
        return f"{self._now():%Y-%m-%dT%H:%M:%S}{fraction}{found[2]}"


def _canonical_path(file: str) -> str:
    for folder, name in _FOLDERS:
        _, found, rest = file.rpartition(folder)
        if found:
            return name + rest if folder != "/lib/python" else f"{name}/{rest.partition('/')[2]}"
    return file.rpartition("/")[2]


MS = 1_000_000
OWN_NS = 1 * MS
"""Of a span beside its children."""
GAP_NS = MS // 5
"""Before a span's first child, and between two."""
_CLIENT, _PRODUCER, _CONSUMER = 3, 4, 5
_QUEUE_TIME = "shop.kafka.queue_time_ms"


class Timeline:
    """Start and end of each span in nanoseconds."""

    def __init__(self, rows: Iterable[Row], expect: Expect) -> None:
        self.start: dict[str, int] = {}
        self.end: dict[str, int] = {}
        self._rows = {row.item["spanId"]: row for row in rows}
        self._below: dict[str, list[Row]] = {}
        for row in sorted(self._rows.values(), key=lambda row: (int(row.item["startTimeUnixNano"]), row.item["name"])):
            self._below.setdefault(row.item.get("parentSpanId", ""), []).append(row)
        settings = Settings()
        self._timeouts = {
            "ConnectTimeout": int(settings.auth_connect_timeout_s * 1000) * MS,
            "ReadTimeout": int(settings.auth_read_timeout_s * 1000) * MS,
        }
        self._slow = [pattern for pattern in expect.spans if _least(pattern.duration_ms) is not None]
        self._queued_ns = max((_least(pattern.attributes.get(_QUEUE_TIME)) or 0 for pattern in expect.spans), default=0) * MS

    @property
    def order(self) -> list[Row]:
        """Depth-first."""
        return [self._rows[span_id] for span_id in self.start]

    def lay_trace(self, trace_id: str, start_ns: int) -> int:
        """Assign times to the spans of a trace; return its end."""
        known = {span_id for span_id, row in self._rows.items() if row.item["traceId"] == trace_id}
        roots = [self._rows[one] for one in known if self._rows[one].item.get("parentSpanId", "") not in known]
        end = start_ns
        for root in sorted(roots, key=lambda row: int(row.item["startTimeUnixNano"])):
            self._lay(root, end)
            end = max(self.end[span_id] for span_id in known if span_id in self.end) + OWN_NS
        return end

    def logged(self, span_id: str, measured_ns: int, number: int) -> int:
        """Return a log record's time, after the same children as in the recording."""
        done = [row.item["spanId"] for row in self._below.get(span_id, []) if int(row.item["endTimeUnixNano"]) <= measured_ns]
        after = max([self.start[span_id], *(self.end[one] for one in done)])
        return min(after + (number + 1) * 10_000, self.end[span_id])

    def queued_ms(self, span_id: str) -> int:
        """Return how long a record waited before a span processed it."""
        parent = self._rows[span_id].item.get("parentSpanId", "")
        sent = self.end.get(parent)
        return 1 if sent is None else max(1, (self.start[span_id] - sent) // MS)

    def _lay(self, row: Row, start: int) -> None:
        span_id = row.item["spanId"]
        self.start[span_id] = start
        cursor, later = start, []
        for child in self._below.get(span_id, []):
            if row.item.get("kind") == _PRODUCER and child.item.get("kind") == _CONSUMER:
                later.append(child)
                continue
            self._lay(child, cursor + GAP_NS)
            cursor = self.end[child.item["spanId"]]
        error = attributes(row.item.get("attributes")).get("error.type", "")
        timeout = self._timeouts.get(error) if row.item.get("kind") == _CLIENT else None
        self.end[span_id] = start + timeout if timeout else max(cursor + OWN_NS, start + self._least_ns(row))
        taken = self.end[span_id] + max(OWN_NS, self._queued_ns)
        for child in later:  # the consumer starts after the producer has sent the record
            self._lay(child, taken)
            taken = self.end[child.item["spanId"]] + OWN_NS

    def _least_ns(self, row: Row) -> int:
        measured_ms = (int(row.item["endTimeUnixNano"]) - int(row.item["startTimeUnixNano"])) / MS
        found = [least for pattern in self._slow if (least := _least(pattern.duration_ms)) and _alike(pattern, row)]
        # Only spans that were slow in the recording stay slow.
        return max((-(-least // 100) * 100 * MS for least in found if measured_ms >= least), default=0)


def _least(value: object) -> int | None:
    return int(value.at_least) if isinstance(value, Test) and value.at_least is not None else None


def _alike(pattern: ExpectedSpan, row: Row) -> bool:
    wanted = (pattern.service, pattern.name, pattern.kind)
    actual = (row.service, row.item["name"], kind_name(row.item.get("kind")))
    return all(value is None or value == one for value, one in zip(wanted, actual, strict=True))
