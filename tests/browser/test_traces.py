"""Searching, reading and comparing traces."""

import re

import pytest
from playwright.sync_api import Page, expect

from vshop.client import USERS, Placed, ShopClient
from vshop.traces import TraceReader


@pytest.fixture(scope="module")
def orders(client: ShopClient) -> dict[str, Placed]:
    """A clean order and a broken one of the same item."""
    reader = TraceReader(client.addresses.traces)
    clean = client.place_order(item_id=5, quantity=4, username=USERS[2])
    broken = client.place_order(item_id=5, quantity=4, username=USERS[1], headers={"baggage": "shop.chaos=stock-put-missing-key"})
    for placed in (clean, broken):
        reader.wait_whole(placed.trace_id, placed.order_id, 20)
    reader.wait(broken.trace_id, lambda trace: any(".dlq" in span.name for span in trace.spans), 20)
    return {"clean": clean, "broken": broken}


def _rows(page: Page) -> str:
    expect(page.locator("#announce")).to_have_text(re.compile(r"\d+ traces"))
    return page.locator("table.traces").inner_text()


@pytest.mark.parametrize(
    ("query", "found", "missed"),
    [
        ("service=stock-updater&error=true", "broken", "clean"),
        ("service=orders&operation=POST+/orders&item=5", "clean", None),
        ("exception=botocore.exceptions.ClientError", "broken", "clean"),
        ("user=auth0|5ba1a9227dc7232e1aec4fd2&item=5", "clean", "broken"),
        ("item=5&error=true", "broken", "clean"),
        ("item=5&minMs=0.1&maxMs=60000", "clean", None),
    ],
)
def test_a_search_finds_what_it_should(page: Page, orders: dict[str, Placed], query: str, found: str, missed: str | None) -> None:
    page.goto(f"/traces?{query}")
    rows = _rows(page)

    assert orders[found].trace_id[:8] in rows
    if missed:
        assert orders[missed].trace_id[:8] not in rows


def test_the_form_searches_by_order_and_the_address_keeps_it(page: Page, orders: dict[str, Placed]) -> None:
    page.goto("/traces")
    page.get_by_label("Order id").fill(str(orders["broken"].order_id))
    page.get_by_role("button", name="Search").click()

    expect(page.locator("table.traces tbody tr")).to_have_count(1)
    expect(page.locator("table.traces")).to_contain_text(orders["broken"].trace_id[:8])
    assert f"order={orders['broken'].order_id}" in page.url


def test_a_search_that_finds_nothing_says_so(page: Page) -> None:
    page.goto("/traces?order=there-is-no-such-order")

    expect(page.get_by_text("No trace fits.")).to_be_visible()


def test_a_trace_shows_its_spans_payloads_logs_and_critical_path(page: Page, orders: dict[str, Placed]) -> None:
    page.goto(f"/traces/{orders['clean'].trace_id}")

    expect(page.locator(".waterfall .row")).to_have_count(7)
    assert page.locator(".waterfall .critical").count() > 3
    page.locator("button.row", has_text="send queuing.retail_site.new_orders").click()
    expect(page.locator(".detail h2")).to_have_text("send queuing.retail_site.new_orders")
    expect(page.locator(".detail .block", has_text="shop.kafka.value").locator("pre")).to_contain_text('"quantity": 4')
    page.locator("button.row", has_text="POST /orders").click()
    expect(page.locator(".detail")).to_contain_text("placing new order")


def test_traces_that_belong_together_lead_to_each_other(page: Page, client: ShopClient) -> None:
    placed = client.place_order(item_id=6, headers={"baggage": "shop.chaos=orders-context-lost"})
    TraceReader(client.addresses.traces).wait(placed.trace_id, lambda trace: len(trace.spans) >= 4, 20)
    page.goto(f"/traces/{placed.trace_id}")

    expect(page.get_by_role("heading", name="Belongs to it")).to_be_visible()
    expect(page.get_by_text("same order, no link")).to_be_visible()


def test_two_chosen_traces_are_compared_span_by_span(page: Page, orders: dict[str, Placed]) -> None:
    page.goto("/traces?item=5")
    for placed in orders.values():
        page.get_by_label(f"Choose trace {placed.trace_id[:8]}").check()
    page.get_by_role("button", name="Compare two").click()

    row = page.locator("table.sides tr", has_text="DynamoDB.PutItem")
    expect(row).to_contain_text("ValidationException")
    expect(row).to_contain_text("fails")
    expect(page.locator("table.sides tr", has_text=".dlq")).to_contain_text("only in the broken order")
    key = page.get_by_role("row", name="shop.dynamodb.request › Item.id.S")  # noqa: RUF001 - as the page writes it
    expect(key).to_contain_text("– not there")  # noqa: RUF001 - as the page writes it


def test_a_comparison_finds_its_orders_by_itself(page: Page, orders: dict[str, Placed]) -> None:
    page.goto(f"/compare?b={orders['broken'].trace_id}")

    expect(page.locator("table.sides")).to_be_visible()
    expect(page.locator("table.sides tr", has_text="process queuing")).to_contain_text("fails")


def test_a_trace_that_is_not_held_is_told(page: Page, tolerated: list[str]) -> None:
    tolerated.append("404")
    page.goto(f"/traces/{'ab' * 16}")

    expect(page.get_by_text("No span of the trace")).to_be_visible()
