from typing import Any
from unittest.mock import Mock

import pytest

from console.page.traces import Traces
from observatory import jaeger
from observatory.app import create_app
from observatory.forward import Forwarding
from observatory.ingest import Receiver
from observatory.store import LogStore, MetricStore, Stores, TraceStore
from vshop.kit.http import json_body
from vshop.shop.spans import read_spans
from vshop.shop.traces import Trace

TRACE = "ab" * 16
START_NS = 1_790_000_000_000_000_000
FIELDS = ("traceId", "id", "parent", "service", "name", "kind", "status", "start", "duration")


def _span(number: int, parent: int | None = None, **more: Any) -> dict[str, Any]:
    times = {"startTimeUnixNano": str(START_NS + number * 1500), "endTimeUnixNano": str(START_NS + number * 1500 + 9_999)}
    above = {} if parent is None else {"parentSpanId": f"{parent:016x}"}
    return {"traceId": TRACE, "spanId": f"{number:016x}", "name": f"n{number}", "kind": 1} | times | above | more


def _text(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": value}}


ODD = [
    _span(1, kind=2, attributes=[_text("http.response.status_code", "404")]),
    _span(2, 1, kind=7, status={"code": 3}),
    _span(3, 2, startTimeUnixNano="0"),
    _span(4, 3, startTimeUnixNano="0", endTimeUnixNano="0"),
    _span(5, 99, endTimeUnixNano="1"),
    _span(6, 6, name=""),
    _span(7, 1, kind=3),
    _span(7, 1, kind=2, attributes=[_text("shop.order.id", "o1")]),
    _span(8, 1, status={"code": 2}, events=[{"name": "exception", "attributes": [_text("exception.type", "KeyError")]}]),
    _span(9, 1, kind=5, links=[{"traceId": "cd" * 16, "spanId": "1" * 16}]),
    *(_span(number, 1, status={"code": 2}, attributes=[_text("error.type", "late")]) for number in range(10, 30)),
]


class _Observatory:
    """The observatory's endpoints without HTTP, in place of the shop's client and ``TraceReader``."""

    def __init__(self) -> None:
        stores = Stores(TraceStore(999, 10**6), LogStore(9, 9999), MetricStore())
        self._client = create_app(Receiver(stores, Forwarding()), []).test_client()
        for service in ("orders", "foreign"):
            owner = {"attributes": [_text("service.name", service)]}
            scopes = [{"spans": [span for span in ODD if (int(span["spanId"], 16) % 3 == 0) == (service == "foreign")]}]
            self._client.post("/v1/traces", json={"resourceSpans": [{"resource": owner, "scopeSpans": scopes}]})

    def read(self, part: str, path: str, params: Any, kind: Any = Any) -> Any:
        assert part == "observatory"
        return json_body.decode(self._client.get(path, query_string=params).data, kind)

    def get_trace(self, trace_id: str) -> Trace:
        return Trace(trace_id, read_spans(self._client.get(f"/api/v3/traces/{trace_id}").get_json()))


@pytest.fixture
def outlines() -> Traces:
    observatory = _Observatory()
    client = Mock(read=observatory.read, get=observatory.read, logs=lambda **_: [])
    return Traces(client, Mock(get=observatory.get_trace), "new")


def _view(outlines: Traces, trace_id: str = TRACE) -> dict[str, Any]:
    found = outlines.read(trace_id, outline=True)
    assert found is not None
    return found.view


def _whole(outlines: Traces) -> dict[str, Any]:
    found = outlines.read(TRACE, outline=False)
    assert found is not None
    return found.view


def test_a_small_trace_is_read_in_full(outlines: Traces) -> None:
    assert _view(outlines) == _whole(outlines)


def test_columns_and_summary_of_a_large_trace_are_those_of_the_whole(outlines: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaeger.outlines, "MOST_WHOLE", 12)

    view, whole = _view(outlines), _whole(outlines)

    columns = json_body.decode(bytes(view["columns"]))
    texts = {name: [one["values"][row] for row in one["rows"]] for name, one in columns.items() if isinstance(one, dict)}
    lists = columns | texts | {"traceId": [TRACE] * len(columns["id"])}
    rows = [dict(zip(FIELDS, row, strict=True)) for row in zip(*(lists[name] for name in FIELDS), strict=True)]
    assert view["spans"] == []
    assert rows == [{name: span[name] for name in FIELDS} for span in whole["spans"]]
    assert view["summary"] == whole["summary"]


def test_the_spans_of_a_summary_are_few(outlines: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaeger.outlines, "MOST_WHOLE", 12)
    found = outlines.read(TRACE, outline=True)

    assert found is not None
    assert len(found.trace.spans) == 12
    assert [link for span in found.trace.spans for link in span.links] == [("cd" * 16, "1" * 16)]


def test_spans_are_read_by_id(outlines: Traces) -> None:
    whole = _whole(outlines)["spans"]

    ids = [f"{7:016x}", f"{8:016x}", "f" * 16]
    assert outlines.spans(TRACE, ids) == [span for span in whole if span["id"] in ids]
    assert len(outlines.spans(TRACE, ids)) == 3


def test_a_missing_trace_is_none(outlines: Traces) -> None:
    assert outlines.read("ef" * 16, outline=True) is None
    assert outlines.spans("ef" * 16, ["1" * 16]) == []
