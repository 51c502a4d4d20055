import re

import pytest
from playwright.sync_api import Browser, Page, expect

from vshop.runtime.local.shop import Shop
from vshop.runtime.model.processes import terminate
from vshop.shop.addresses import Addresses, find
from vshop.shop.client import ShopClient

pytestmark = pytest.mark.slow

PAGES = {
    "/insights": ".tile",
    "/map": "svg .node",
    "/old-way": ".question",
    "/traces": "table.traces",
    "/time": "table.time",
}


@pytest.fixture(scope="module")
def addresses(browser: Browser, breakable_shop: Shop) -> Addresses:
    return find(breakable_shop.state.home, {})


@pytest.fixture
def tolerated() -> list[str]:
    return ["Failed to load resource"]


@pytest.mark.parametrize("part", ["observatory", "stock-updater", "auth-stub", "dynamodb", "console"])
def test_a_dead_part_is_named_with_its_time_and_the_command_to_start_it(page: Page, breakable_shop: Shop, part: str) -> None:
    page.goto("/")
    expect(page.locator(".item [data-stock][data-value]").first).to_be_visible()
    terminate([breakable_shop.state.processes[part]], 5)
    try:
        banner = page.locator("#outages")
        expect(banner).to_contain_text(re.compile(rf"{part} is down since \d+:\d+:\d+"))
        expect(banner).to_contain_text(f"vshop restart {part}")
    finally:
        breakable_shop.restart(part)
    expect(banner).to_be_hidden(timeout=60_000)


def test_pages_without_the_observatory_say_so_and_recover(page: Page, breakable_shop: Shop, client: ShopClient) -> None:
    context = page.context
    pages = {path: context.new_page() for path in PAGES}
    terminate([breakable_shop.state.processes["observatory"]], 5)
    try:
        for path, opened in pages.items():
            opened.goto(path)
            expect(opened.locator("main .message.bad:visible").first).to_contain_text(
                "observatory does not answer: Connection refused."
            )
        expect(pages["/old-way"].locator(".tile", has_text="Host")).to_contain_text("CPU")
        page.goto("/?item=3")
        page.get_by_role("button", name="Place the order").click()
        expect(page.locator(".verdict")).to_contain_text("Accepted. Whether it was handled is unknown: observatory does not answer")
    finally:
        breakable_shop.restart("observatory")
    client.place_order(item_id=3)
    for path, opened in pages.items():
        expect(opened.locator(PAGES[path]).first).to_be_visible(timeout=60_000)
        expect(opened.locator("main .message.bad:visible")).to_have_count(0)


def test_an_order_that_waits_for_a_dead_part_is_shown_as_handled_later(page: Page, breakable_shop: Shop) -> None:
    page.goto("/?item=3")
    terminate([breakable_shop.state.processes["stock-updater"]], 5)
    try:
        page.get_by_role("button", name="Place the order").click()
        expect(page.locator(".verdict")).to_contain_text("not handled within 10 s")
    finally:
        breakable_shop.restart("stock-updater")

    expect(page.locator(".verdict")).to_contain_text("Accepted and handled", timeout=60_000)


@pytest.mark.parametrize(("path", "empty"), [("/traces", "No matching traces."), ("/time", "No matching orders.")])
def test_an_empty_list_shows_the_next_order_by_itself(page: Page, client: ShopClient, path: str, empty: str) -> None:
    client.clear_telemetry()
    page.goto(path)
    expect(page.get_by_text(empty)).to_be_visible()
    client.place_order(item_id=3)
    expect(page.locator(PAGES[path]).first).to_be_visible()
    page.get_by_label("Service").focus()
    expect(page.get_by_label("Service").locator("option", has_text="stock-updater")).to_have_count(1)
