from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import pytest

from vshop.incidents.incident import Incident
from vshop.incidents.loader import read_yaml
from vshop.kit.times import Clock
from vshop.shop.client import Placed
from vshop.shop.flush import Flush
from vshop.shop.spans import Event, Span
from vshop.shop.traces import Trace


def _make_span(span_id: str, **changes: Any) -> Span:
    plain: dict[str, Any] = {
        "trace_id": "t1",
        "span_id": span_id,
        "parent_id": None,
        "service": "orders",
        "name": "POST /orders",
        "kind": "SERVER",
        "status": "UNSET",
        "status_message": "",
        "start_ns": 0,
        "end_ns": 1_000_000,
        "attributes": {},
        "events": [],
        "links": [],
        "resource": {},
    }
    return Span(**plain | changes)


def _make_exception(kind: str, message: str) -> Event:
    return Event("exception", 0, {"exception.type": kind, "exception.message": message})


class OrderEffect(NamedTuple):
    status: int = 202
    body: Mapping[str, Any] = MappingProxyType({})
    spans: Callable[[str], list[Span]] = lambda _trace: []
    logs: Callable[[str], list[dict[str, Any]]] = lambda _trace: []
    stock: int = 0
    counts: Mapping[str, int] = MappingProxyType({})
    letters: int = 0
    firing: tuple[str, ...] = ()
    late_spans: Callable[[str], list[Span]] = lambda _trace: []
    late_delay_s: float = 0.7


class FakeClock(Clock):
    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class FakeShop:
    """A shop and its traces; ``effects[None]`` is the effect of an order on the clean shop, ``effects[id]`` with an incident."""

    def __init__(self, clock: FakeClock, effects: dict[str | None, OrderEffect]) -> None:
        self.clock = clock
        self.effects = effects
        self.on: list[str] = []
        self.calls: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.arrivals: list[tuple[float, Span]] = []
        self.records: list[dict[str, Any]] = []
        self.counted: list[tuple[float, str, int, str]] = []
        self.fired: list[tuple[float, str]] = []
        self.letters: list[dict[str, Any]] = []
        self.pieces = 100
        self.orders = 0
        self.token_headers: list[dict[str, str]] = []
        self.can_flush = False
        self.unprocessed = 0
        self.telemetry = "sdk"
        self.lines: list[dict[str, str]] = []
        self.exported_at = 0.0

    def token(self, _username: str = "", *, headers: dict[str, str] | None = None) -> str:
        self.token_headers.append(headers or {})
        return "token"

    def place_order(self, _item: int = 1, _quantity: int = 1, *, headers: dict[str, str] | None = None, **_rest: Any) -> Placed:
        self.orders += 1
        self.headers.append(headers or {})
        baggage = (headers or {}).get("baggage", "").removeprefix("shop.chaos=")
        what = self.effects[baggage or (self.on[0] if self.on else None)]
        trace, now = f"trace{self.orders}", self.clock.now()
        self.arrivals += [(now + 0.1, _at(span, now)) for span in what.spans(trace)]
        self.arrivals += [(now + what.late_delay_s, _at(span, now)) for span in what.late_spans(trace)]
        self.records += what.logs(trace)
        self.counted += [(now, name, number, trace) for name, number in what.counts.items()]
        self.fired += [(now, rule) for rule in what.firing]
        value = f'{{"orderId": "order{self.orders}"}}'
        self.letters += [{"id": f"0-{len(self.letters) + n}", "traceId": trace, "value": value} for n in range(what.letters)]
        self.pieces += what.stock
        return Placed(
            status=what.status, trace_id=trace, order_id=f"order{self.orders}", headers={"X-Shop": "fake"}, body=what.body
        )

    def item(self, item_id: int) -> dict[str, Any]:
        return {"id": item_id, "stock": self.pieces}

    def logs(self, **query: str | int) -> list[dict[str, Any]]:
        return [record for record in self.records if record["traceId"] == query["traceId"]]

    def metrics(self, name: str, **_options: Any) -> list[dict[str, Any]]:
        """Return a counter as of its last export, which effects every full second."""
        tick = max(float(int(self.clock.now())), self.exported_at)
        measured = [(number, trace) for at, counted, number, trace in self.counted if counted == name and at <= tick]
        exemplars = [{"traceId": trace, "value": number} for number, trace in measured]
        point = {"time": int(tick * 1e6), "value": sum(number for number, _ in measured), "exemplars": exemplars}
        return [{"service": "orders", "type": "sum", "attributes": {}, "points": [point]}]

    def flush(self, _parts: Any = (), *, offsets: Any = None, within_s: float = 10.0, **_options: Any) -> Flush:
        if not self.can_flush:
            return Flush(possible=False, reason="orders cannot flush")
        if offsets is not None and self.unprocessed:
            self.clock.sleep(within_s)
            return Flush(possible=True, reason=f"{self.unprocessed} not processed")
        now = self.clock.now()
        self.arrivals = [(min(at, now), span) for at, span in self.arrivals]
        self.exported_at = now + 0.01
        return Flush(possible=True)

    def alerts(self, since: float, **_options: Any) -> list[dict[str, Any]]:
        fired = {rule for at, rule in self.fired if at >= since}
        rules = ("orders-rejected", "order-slow")
        return [{"rule": rule, "state": "firing" if rule in fired else "inactive", "labels": {}} for rule in rules]

    def dead_letters(self) -> list[dict[str, Any]]:
        return list(self.letters)

    def replay(self, letter_id: str) -> dict[str, Any]:
        self.calls.append(f"replay {letter_id}")
        self.pieces -= 1
        return {"replayed": True}

    def switch_on(self, incident: str, **_options: Any) -> dict[str, Any]:
        self.calls.append(f"on {incident}")
        self.on.append(incident)
        self.lines.append({"incident": incident, "state": "on"})
        return {"acknowledgedBy": ["orders/1"], "ackMs": 1.0}

    def switch_off(self, incident: str) -> dict[str, Any]:
        self.calls.append(f"off {incident}")
        self.lines.append({"incident": incident, "state": "off"})
        if incident in self.on:
            self.on.remove(incident)
        return {}

    def telemetry_mode(self) -> str:
        return self.telemetry

    def journal(self) -> list[dict[str, str]]:
        return list(self.lines)

    def switched_on(self) -> list[str]:
        return list(self.on)

    def get(self, trace_id: str) -> Trace:
        return Trace(trace_id, [span for at, span in self.arrivals if span.trace_id == trace_id and at <= self.clock.now()])

    def search(self, service: str, tags: dict[str, str]) -> list[str]:
        return [
            span.trace_id
            for at, span in self.arrivals
            if at <= self.clock.now()
            and span.service == service
            and all(str(span.attributes.get(name)) == value for name, value in tags.items())
        ]


def _at(span: Span, now: float) -> Span:
    start = int(now * 1e9)
    return msgspec.structs.replace(span, start_ns=start + span.start_ns, end_ns=start + span.end_ns)


def _entry(trace: str, status: str = "UNSET", **attributes: Any) -> Span:
    return _make_span(
        f"{trace}e", trace_id=trace, status=status, attributes={f"shop.{key}": value for key, value in attributes.items()}
    )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def broken() -> OrderEffect:
    return OrderEffect(
        status=500,
        body={"detail": "broken"},
        spans=lambda trace: [_entry(trace, "ERROR")],
        counts={"shop.errors": 1},
        firing=("orders-rejected",),
    )


@pytest.fixture
def shop(clock: FakeClock, broken: OrderEffect) -> FakeShop:
    return FakeShop(clock, {None: OrderEffect(spans=lambda trace: [_entry(trace)], stock=-1), "orders-break": broken})


@pytest.fixture
def incident() -> Incident:
    return _make_incident()


def _make_incident(**changes: Any) -> Incident:
    plain = read_yaml(Path(__file__).with_name("orders-break.yaml"))
    given = {key: value for key, value in (plain | changes).items() if value is not None}
    return msgspec.convert(given, Incident)


@pytest.fixture
def make_incident() -> Callable[..., Incident]:
    return _make_incident


@pytest.fixture
def make_span() -> Callable[..., Span]:
    return _make_span


@pytest.fixture
def make_exception() -> Callable[[str, str], Event]:
    return _make_exception


@pytest.fixture
def entry() -> Callable[..., Span]:
    return _entry
