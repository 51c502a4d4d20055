"""A shop in memory: orders leave spans, logs, counts and changes of stock behind, a little later and without any time passing."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import pytest

from vshop.client import Placed
from vshop.incidents.incident import Incident
from vshop.incidents.loader import read_yaml
from vshop.spans import Event, Span
from vshop.traces import Trace
from vshop.verify.pace import Pace


def _make_span(span_id: str, **changes: Any) -> Span:
    """Make a span: of orders, a server's, unless told otherwise."""
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
    """Make the event of a recorded exception."""
    return Event("exception", 0, {"exception.type": kind, "exception.message": message})


class Happening(NamedTuple):
    """What comes of an order."""

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


class FakePace(Pace):
    """A clock that moves only when somebody waits."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        """Return the time."""
        return self.time

    def pause(self, seconds: float) -> None:
        """Let time pass, at once."""
        self.time += seconds


class FakeShop:
    """A shop and its traces; ``happens[None]`` is what comes of an order when nothing is on, ``happens[id]`` with an incident."""

    def __init__(self, pace: FakePace, happens: dict[str | None, Happening]) -> None:
        self.pace = pace
        self.happens = happens
        self.on: list[str] = []
        self.calls: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.arrivals: list[tuple[float, Span]] = []
        self.records: list[dict[str, Any]] = []
        self.counted: list[tuple[float, str, int]] = []
        self.fired: list[tuple[float, str]] = []
        self.letters: list[dict[str, Any]] = []
        self.pieces = 100
        self.orders = 0
        self.token_headers: list[dict[str, str]] = []

    def token(self, _username: str = "", *, headers: dict[str, str] | None = None) -> str:
        """Log in."""
        self.token_headers.append(headers or {})
        return "token"

    def place_order(self, _item: int = 1, _quantity: int = 1, *, headers: dict[str, str] | None = None, **_rest: Any) -> Placed:
        """Let happen what comes of an order now."""
        self.orders += 1
        self.headers.append(headers or {})
        baggage = (headers or {}).get("baggage", "").removeprefix("shop.chaos=")
        what = self.happens[baggage or (self.on[0] if self.on else None)]
        trace, now = f"trace{self.orders}", self.pace.now()
        self.arrivals += [(now + 0.1, _at(span, now)) for span in what.spans(trace)]
        self.arrivals += [(now + what.late_delay_s, _at(span, now)) for span in what.late_spans(trace)]
        self.records += what.logs(trace)
        self.counted += [(now, name, number) for name, number in what.counts.items()]
        self.fired += [(now, rule) for rule in what.firing]
        self.letters += [{"id": f"0-{len(self.letters) + n}", "traceId": trace} for n in range(what.letters)]
        self.pieces += what.stock
        return Placed(
            status=what.status, trace_id=trace, order_id=f"order{self.orders}", headers={"X-Shop": "fake"}, body=what.body
        )

    def item(self, item_id: int) -> dict[str, Any]:
        """Return an item."""
        return {"id": item_id, "stock": self.pieces}

    def logs(self, **query: str | int) -> list[dict[str, Any]]:
        """Return the log records of a trace."""
        return [record for record in self.records if record["traceId"] == query["traceId"]]

    def metrics(self, name: str) -> list[dict[str, Any]]:
        """Return a counter as it was exported last: at each full second."""
        tick = float(int(self.pace.now()))
        value = sum(number for at, counted, number in self.counted if counted == name and at <= tick)
        point = {"time": int(tick * 1e6), "value": value}
        return [{"service": "orders", "type": "sum", "attributes": {}, "points": [point]}]

    def alerts(self, since: float) -> list[dict[str, Any]]:
        """Return two rules, firing by what happened."""
        fired = {rule for at, rule in self.fired if at >= since}
        rules = ("orders-rejected", "order-slow")
        return [{"rule": rule, "state": "firing" if rule in fired else "inactive", "labels": {}} for rule in rules]

    def dead_letters(self) -> list[dict[str, Any]]:
        """Return all letters."""
        return list(self.letters)

    def replay(self, letter_id: str) -> dict[str, Any]:
        """Handle a letter after all."""
        self.calls.append(f"replay {letter_id}")
        self.pieces -= 1
        return {"replayed": True}

    def switch_on(self, incident: str, **_options: Any) -> dict[str, Any]:
        """Switch on."""
        self.calls.append(f"on {incident}")
        self.on.append(incident)
        return {"acknowledgedBy": ["orders/1"], "ackMs": 1.0}

    def switch_off(self, incident: str) -> dict[str, Any]:
        """Switch off."""
        self.calls.append(f"off {incident}")
        if incident in self.on:
            self.on.remove(incident)
        return {}

    def switched_on(self) -> list[str]:
        """Return what is on."""
        return list(self.on)

    def get(self, trace_id: str) -> Trace:
        """Return what has arrived of a trace."""
        return Trace(trace_id, [span for at, span in self.arrivals if span.trace_id == trace_id and at <= self.pace.now()])

    def search(self, service: str, tags: dict[str, str]) -> list[str]:
        """Return the traces with such a span."""
        return [
            span.trace_id
            for at, span in self.arrivals
            if at <= self.pace.now()
            and span.service == service
            and all(str(span.attributes.get(name)) == value for name, value in tags.items())
        ]


def _at(span: Span, now: float) -> Span:
    start = int(now * 1e9)
    return msgspec.structs.replace(span, start_ns=start + span.start_ns, end_ns=start + span.end_ns)


def _entry(trace: str, status: str = "UNSET", **attributes: Any) -> Span:
    """Make the span of a request to orders."""
    return _make_span(
        f"{trace}e", trace_id=trace, status=status, attributes={f"shop.{key}": value for key, value in attributes.items()}
    )


@pytest.fixture
def pace() -> FakePace:
    """The clock."""
    return FakePace()


@pytest.fixture
def broken() -> Happening:
    """What comes of an order while the incident ``orders-break`` is on."""
    return Happening(
        status=500,
        body={"detail": "broken"},
        spans=lambda trace: [_entry(trace, "ERROR")],
        counts={"shop.errors": 1},
        firing=("orders-rejected",),
    )


@pytest.fixture
def shop(pace: FakePace, broken: Happening) -> FakeShop:
    """A shop in which an order takes a piece from the stock, unless ``orders-break`` is on."""
    return FakeShop(pace, {None: Happening(spans=lambda trace: [_entry(trace)], stock=-1), "orders-break": broken})


@pytest.fixture
def incident() -> Incident:
    """An incident of that shop, right in all it says."""
    return _make_incident()


def _make_incident(**changes: Any) -> Incident:
    """Make the incident ``orders-break``, changed at its top level."""
    plain = read_yaml(Path(__file__).with_name("orders-break.yaml"))
    given = {key: value for key, value in (plain | changes).items() if value is not None}
    return msgspec.convert(given, Incident)


@pytest.fixture
def make_incident() -> Callable[..., Incident]:
    """Makes the incident ``orders-break``, changed at its top level."""
    return _make_incident


@pytest.fixture
def make_span() -> Callable[..., Span]:
    """Makes a span."""
    return _make_span


@pytest.fixture
def make_exception() -> Callable[[str, str], Event]:
    """Makes the event of a recorded exception."""
    return _make_exception


@pytest.fixture
def entry() -> Callable[..., Span]:
    """Makes the span of a request to orders."""
    return _entry
