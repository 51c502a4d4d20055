"""Lays a case's spans out on a timeline that is the same in every run: who calls whom, and what comes after what, is kept.

A span takes a moment beside what it calls, unless something makes it slow: a timeout that ran out, or a duration that the
incident's file speaks of. What was measured decides about order alone, never about lengths.
"""

from collections.abc import Iterable, Mapping

from vshop.corpus.otlp import Json, Row
from vshop.incidents.expectation import Expect
from vshop.incidents.span_patterns import ExpectedSpan
from vshop.incidents.values import Test
from vshop.kit.settings import Settings
from vshop.spans import attributes

MS = 1_000_000
OWN_NS = 1 * MS
"""How long a span takes beside what it calls."""
GAP_NS = MS // 5
"""Between a caller's start and its first call, and between two calls."""
_PRODUCER, _CONSUMER = 4, 5
_QUEUE_TIME = "shop.kafka.queue_time_ms"


class Timeline:
    """Start and end of each span, in nanoseconds, and their order: depth first."""

    def __init__(self, rows: Iterable[Row], expect: Expect) -> None:
        """Args: rows: the spans of the case. expect: what its file says of durations."""
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
        """The spans, each after its caller, in the order in which they were laid out."""
        return [self._rows[span_id] for span_id in self.start]

    def lay_trace(self, trace_id: str, start_ns: int) -> int:
        """Lay out one trace; returns when it ends."""
        known = {span_id for span_id, row in self._rows.items() if row.item["traceId"] == trace_id}
        roots = [self._rows[one] for one in known if self._rows[one].item.get("parentSpanId", "") not in known]
        end = start_ns
        for root in sorted(roots, key=lambda row: int(row.item["startTimeUnixNano"])):
            self._lay(root, end)
            end = max(self.end[span_id] for span_id in known if span_id in self.end) + OWN_NS
        return end

    def logged(self, span_id: str, measured_ns: int, number: int) -> int:
        """Return when a log record of a span was written: after the same calls as it was."""
        done = [row.item["spanId"] for row in self._below.get(span_id, []) if int(row.item["endTimeUnixNano"]) <= measured_ns]
        after = max([self.start[span_id], *(self.end[one] for one in done)])
        return min(after + (number + 1) * 10_000, self.end[span_id])

    def queued_ms(self, span_id: str) -> int:
        """Return for how long a record lay on its topic before a span took it."""
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
        timeout = self._timeouts.get(_error(row.item)) if row.item.get("kind") == 3 else None
        self.end[span_id] = start + timeout if timeout else max(cursor + OWN_NS, start + self._least_ns(row))
        taken = self.end[span_id] + max(OWN_NS, self._queued_ns)
        for child in later:  # handled once Kafka has it
            self._lay(child, taken)
            taken = self.end[child.item["spanId"]] + OWN_NS

    def _least_ns(self, row: Row) -> int:
        measured_ms = (int(row.item["endTimeUnixNano"]) - int(row.item["startTimeUnixNano"])) / MS
        found = [least for pattern in self._slow if (least := _least(pattern.duration_ms)) and _alike(pattern, row)]
        # Of several spans of a kind those that were slow stay slow: the slowness has one cause, and is far from chance.
        return max((-(-least // 100) * 100 * MS for least in found if measured_ms >= least), default=0)


def _least(value: object) -> int | None:
    return int(value.at_least) if isinstance(value, Test) and value.at_least is not None else None


def _alike(pattern: ExpectedSpan, row: Row) -> bool:
    kinds = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
    told: Mapping[str, object] = {"service": row.service, "name": row.item["name"], "kind": kinds[row.item.get("kind", 0)]}
    wanted = {"service": pattern.service, "name": pattern.name, "kind": pattern.kind}
    return all(value is None or told[name] == value for name, value in wanted.items())


def _error(item: Json) -> str:
    return str(attributes(item.get("attributes", [])).get("error.type", ""))
