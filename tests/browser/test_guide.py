"""The exercises of docs/workshop/attendee.md, in the browser alone."""

import pytest
from playwright.sync_api import Page, expect

from vshop.incidents.loader import EXERCISES, load_catalogue
from vshop.incidents.telemetry_fault import load_telemetry_faults
from vshop.shop.client import ShopClient

CATALOGUE = load_catalogue() | load_telemetry_faults()
NUMBERS = list(EXERCISES)


def _begin(page: Page, number: int) -> None:
    page.goto("/exercise")
    page.get_by_label("Exercise").select_option(f"number {number}")
    page.get_by_role("button", name="Start exercise").click()
    expect(page.get_by_role("heading", name=f"Exercise {number}.")).to_be_visible()


def _answer(page: Page, number: int) -> None:
    page.goto("/exercise")
    answer = CATALOGUE[EXERCISES[number]].answer
    if answer is None:
        page.get_by_role("button", name="Nothing is wrong").click()
    else:
        page.get_by_label("Service").select_option(answer.service)
        page.get_by_label("Part", exact=True).select_option(answer.component)
        page.get_by_label("Error").select_option(answer.error_type)
        page.get_by_role("button", name="Submit answer").click()
    expect(page.get_by_role("heading", name="✓ Correct")).to_be_visible()


def _order_handled(page: Page, item: int) -> None:
    page.goto(f"/?item={item}")
    page.get_by_role("button", name="Place the order").click()
    expect(page.locator(".verdict")).to_contain_text("Accepted and handled")


@pytest.mark.parametrize("number", NUMBERS)
def test_an_exercise_is_solved_in_the_browser(page: Page, number: int) -> None:
    _begin(page, number)
    page.get_by_role("button", name="Simulate 6 customers").click()
    expect(page.get_by_text("orders placed")).to_be_visible(timeout=60_000)
    for name in ("failed traces", "insights"):
        page.goto("/exercise")
        page.locator("main").get_by_role("link", name=name).click()
        expect(page.locator("main h1")).to_be_visible()

    _answer(page, number)

    _order_handled(page, 3)


def test_a_clean_order_of_the_same_item_is_stored_to_compare_with(page: Page) -> None:
    _begin(page, 2)
    page.goto("/?item=1")
    page.get_by_role("button", name="Place the order").click()
    expect(page.locator(".verdict")).to_contain_text("Accepted, but not handled")
    page.get_by_role("link", name="Open the trace").click()
    page.get_by_role("link", name="Compare with a clean order").click()

    expect(page.locator("table.sides tr", has_text="DynamoDB.PutItem")).to_contain_text("fails")
    expect(page.get_by_text("different items")).to_have_count(0)


def test_a_lost_order_is_replayed(page: Page, client: ShopClient) -> None:
    _begin(page, 2)
    before = client.item(1)["stock"]
    page.goto("/?item=1&quantity=2")
    page.get_by_role("button", name="Place the order").click()
    expect(page.locator(".verdict")).to_contain_text("Accepted, but not handled")
    _answer(page, 2)

    page.get_by_role("link", name="Replay dead letters").click()
    page.get_by_role("button", name="Replay all").click()

    expect(page.locator("table.letters")).to_contain_text("replayed; the stock includes the order")
    assert client.item(1)["stock"] == before - 2


def test_the_shop_is_reset(page: Page, client: ShopClient) -> None:
    client.place_order(item_id=2, headers={"baggage": "shop.chaos=stock-put-missing-key"})
    client.switch_on("stock-slow-write")
    page.goto("/exercise")
    page.get_by_role("button", name="Reset the shop").click()

    expect(page.get_by_text("✓ Reset: ")).to_be_visible()
    assert client.dead_letters() == []
    assert client.switched_on() == []
