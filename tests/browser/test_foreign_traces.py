import re
import time
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from vshop.runtime.local.shop import Shop

_START_NS = time.time_ns()


def _send(shop: Shop, number: int, spans: list[dict[str, Any]]) -> str:
    trace_id = f"{_START_NS + number:032x}"
    for first in range(0, len(spans), 5000):
        sent = [{"traceId": trace_id, "name": "step", "kind": 1} | span for span in spans[first : first + 5000]]
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "foreign"}}]}
        group = {"resource": resource, "scopeSpans": [{"spans": sent}]}
        response = requests.post(f"{shop.addresses['otlp']}/v1/traces", json={"resourceSpans": [group]}, timeout=60)
        assert response.ok, response.text
    return trace_id


def _span(number: int, parent: int | None, **more: Any) -> dict[str, Any]:
    start = time.time_ns()
    span = {"spanId": f"{number:016x}", "startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 1_000_000)}
    return span | ({} if parent is None else {"parentSpanId": f"{parent:016x}"}) | more


def _odd_traces() -> dict[str, list[dict[str, Any]]]:
    """Make them when a test runs: spans that began before the shop was reset are refused."""
    return {
        "own parent": [_span(1, 1)],
        "only a cycle": [_span(1, 2), _span(2, 1)],
        "root and cycle": [_span(1, None), _span(2, 3), _span(3, 2)],
        "one id twice": [_span(1, None, kind=3), _span(1, None, kind=2), _span(2, 1)],
        "no name, no time": [{"spanId": "1" * 16, "name": "", "kind": 7, "status": {"code": 3}}],
        "numbers as text": [
            _span(
                1,
                None,
                status={"code": 2},
                attributes=[{"key": "http.response.status_code", "value": {"stringValue": "404"}}],
                events=[{"name": "exception", "attributes": [{"key": "exception.message", "value": {"intValue": "7"}}]}],
            )
        ],
        "end before start": [_span(1, None, endTimeUnixNano="1")],
    }


ODD = list(_odd_traces())


@pytest.mark.parametrize("name", ODD)
def test_odd_trace_shows_each_span(page: Page, shared_shop: Shop, name: str) -> None:
    spans = _odd_traces()[name]
    trace_id = _send(shared_shop, ODD.index(name), spans)
    page.goto(f"/traces/{trace_id}")

    expect(page.locator(".waterfall button.row")).to_have_count(len(spans))
    if "cycle" in name:
        expect(page.locator(".waterfall")).to_contain_text("2 spans in a parent cycle")


def test_deep_chain_opens_and_scrolls(page: Page, shared_shop: Shop) -> None:
    trace_id = _send(shared_shop, 50, [_span(number, number - 1 or None) for number in range(1, 8001)])
    page.goto(f"/traces/{trace_id}")

    rows = page.locator(".waterfall button.row")
    expect(rows.first).to_be_visible()
    assert rows.count() < 200
    rows.first.focus()
    page.keyboard.press("End")
    expect(page.locator('.waterfall li[aria-posinset="8000"] button')).to_be_focused()
    expect(page.locator('.waterfall li[aria-posinset="8000"]')).to_contain_text("depth 7999")
    page.keyboard.press("Enter")
    expect(page.locator('.waterfall li[aria-posinset="8000"] button')).to_have_attribute("aria-pressed", re.compile("true"))


def test_links_to_very_many_traces_are_counted(page: Page, shared_shop: Shop) -> None:
    links = [{"traceId": f"{number:032x}", "spanId": "1" * 16} for number in range(1, 61)]
    trace_id = _send(shared_shop, 51, [_span(1, None, links=links)])
    page.goto(f"/traces/{trace_id}")

    expect(page.get_by_role("note").filter(has_text="10 more linked traces: not shown")).to_be_visible()
