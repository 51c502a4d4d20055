import json
import re

from playwright.sync_api import Page, Route, expect

from vshop.shop.client import Placed, ShopClient


def test_two_selected_traces_are_compared_span_by_span(page: Page, orders: dict[str, Placed]) -> None:
    page.goto("/traces?item=5")
    for placed in orders.values():
        page.get_by_label(f"Select trace {placed.trace_id[:8]}").check()
    page.get_by_role("button", name="Compare selected").click()

    row = page.locator("table.sides tr", has_text="DynamoDB.PutItem")
    expect(row).to_contain_text("ValidationException")
    expect(row).to_contain_text("fails")
    expect(page.locator("table.sides tr", has_text=".dlq")).to_contain_text("only in the broken order")
    key = page.get_by_role("row", name="shop.dynamodb.request › Item.id.S")  # noqa: RUF001 - as the page writes it
    expect(key).to_contain_text("– missing")  # noqa: RUF001 - as the page writes it


def test_a_comparison_chooses_a_clean_order(page: Page, orders: dict[str, Placed]) -> None:
    page.goto(f"/compare?b={orders['broken'].trace_id}")

    expect(page.locator("table.sides")).to_be_visible()
    expect(page.locator("table.sides tr", has_text="process queuing")).to_contain_text("fails")


def test_different_status_codes_are_a_difference(page: Page, client: ShopClient) -> None:
    clean = client.place_order(item_id=5)
    refused = client.place_order(item_id=5, token="wrong")
    client.flush()
    page.goto(f"/compare?a={clean.trace_id}&b={refused.trace_id}")

    expect(page.locator("table.sides tr", has_text="POST /orders")).to_contain_text("202 → 401")


def test_a_comparison_fits_a_phone(page: Page, orders: dict[str, Placed]) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/compare?a={orders['clean'].trace_id}&b={orders['broken'].trace_id}")
    name = page.locator("table.sides .what", has_text="DynamoDB.PutItem")
    expect(name).to_be_visible()
    box = name.bounding_box()

    assert box is not None
    assert box["height"] < 100
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    cells = page.locator("table.sides tbody td").evaluate_all(
        "all => all.map((one) => [one.getBoundingClientRect().right, parseFloat(getComputedStyle(one).paddingLeft)])"
    )
    assert all(right <= 390 for right, _ in cells)
    assert min(padding for _, padding in cells) > 100  # beside the column's name
    labels = page.locator("table.stacked tbody td").evaluate_all("all => all.map((one) => one.dataset.name)")
    assert set(labels) == {"Clean", "Broken", "Difference", "Details"}  # the ids would cover the durations
    code = page.locator("table.attributes code", has_text=re.compile("^ValidationException$")).first
    assert code.evaluate("(one) => one.getClientRects().length") == 1


def test_a_comparison_shortens_long_lists_and_values(page: Page, orders: dict[str, Placed]) -> None:
    """The item that PutItem writes holds the ids of its last hundred orders."""

    def lengthen(route: Route) -> None:
        trace = route.fetch().json()
        for span in trace["spans"]:
            span["attributes"] |= {
                "long": "x" * 1000 + trace["traceId"],
                "list": json.dumps([trace["traceId"]] * 90),
            }
        route.fulfill(json=trace)

    page.route("**/api/traces/*", lengthen)
    page.goto(f"/compare?a={orders['clean'].trace_id}&b={orders['broken'].trace_id}")
    page.get_by_role("button", name=re.compile("Show differences in stock-updater DynamoDB.PutItem")).click()
    rows = page.locator("table.attributes.three tbody tr")

    expect(rows.filter(has_text="long")).to_contain_text("(1032 characters)")
    for order in ("clean", "broken"):
        expect(rows.filter(has_text="long")).to_contain_text(orders[order].trace_id)
    expect(rows.filter(has_text=re.compile("^list"))).to_have_count(0)
    expect(page.locator("table.attributes.three")).not_to_contain_text(f'"{orders["clean"].trace_id}"')


def test_an_unhandled_order_is_not_offered_as_clean(page: Page, client: ShopClient) -> None:
    client.switch_on("stock-consumer-stalled")
    waiting = client.place_order(item_id=4)
    client.flush()
    page.goto("/compare")

    option = page.get_by_label("Clean order").locator("option", has_text=waiting.trace_id[:8])
    expect(option).to_have_text(re.compile("^[…✖]"))
