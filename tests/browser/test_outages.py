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
NODES = {"stock-updater": 1, "auth-stub": 1, "dynamodb": 1}
"""Nodes of the service map, by part. Observatory and console have none."""


@pytest.fixture(scope="module")
def addresses(browser: Browser, breakable_shop: Shop) -> Addresses:
    return find(breakable_shop.state.home, {})


@pytest.fixture
def tolerated() -> list[str]:
    return ["Failed to load resource"]


@pytest.mark.parametrize("part", ["observatory", "stock-updater", "auth-stub", "dynamodb", "console"])
def test_a_dead_part_is_named_with_its_time_and_the_command_to_start_it(page: Page, breakable_shop: Shop, part: str) -> None:
    place_order(page)
    maps, exercise = page.context.new_page(), page.context.new_page()
    maps.goto("/map")
    expect(maps.locator(".node")).not_to_have_count(0)
    exercise.goto("/exercise")
    start = exercise.get_by_role("button", name="Start exercise")
    expect(start).to_be_enabled()
    terminate([breakable_shop.state.processes[part]], 5)
    try:
        banner = page.locator("#outages")
        expect(banner).to_contain_text(re.compile(rf"{part} has been down since \d+:\d+:\d+"))
        expect(banner).to_contain_text(f"vshop restart {part}")
        expect(start).to_be_disabled()
        expect(exercise.get_by_role("button", name="Reset the shop")).to_be_disabled()
        expect(exercise.locator("fieldset:visible", has_text="Not possible while a part is down.")).to_have_count(2)
        expect(maps.locator("#outages")).to_contain_text(f"{part} has been down")
        expect(maps.locator(".node.down")).to_have_count(NODES.get(part, 0))
        expect(maps.locator(".outage:visible")).to_have_count(NODES.get(part, 0))
    finally:
        breakable_shop.restart(part)
    expect(banner).to_be_hidden(timeout=60_000)
    expect(start).to_be_enabled(timeout=60_000)


def place_order(page: Page) -> None:
    page.goto("/?item=3")
    page.get_by_role("button", name="Place the order").click()
    expect(page.locator(".verdict")).to_contain_text("Accepted and handled", timeout=60_000)


def test_controls_that_need_the_console_are_disabled_while_it_is_down(page: Page, breakable_shop: Shop, client: ShopClient) -> None:
    board = page.context.new_page()
    client.switch_on("stock-slow-write")
    page.goto("/")
    board.goto("/board")
    board.get_by_text("Telemetry faults").click()
    expect(board.get_by_role("button", name="Switch all off")).to_be_visible()
    expect(page.get_by_role("button", name="Place the order")).to_be_enabled()
    terminate([breakable_shop.state.processes["console"]], 5)
    try:
        for name in ("Place the order", "Simulate 6 customers"):
            expect(page.get_by_role("button", name=name)).to_be_disabled()
        expect(page.locator("form.order")).to_contain_text("Not possible while the console is down.")
        expect(board.get_by_role("button", name="Switch all off")).to_be_disabled()
        expect(board.get_by_role("switch", disabled=False)).to_have_count(0)
        expect(page.locator("main .message.bad")).to_contain_text(re.compile(r"Not updated since \d\d:\d\d:\d\d: the stock\."))
        expect(board.get_by_role("button", name="Details of stock-slow-write")).to_be_enabled()
    finally:
        breakable_shop.restart("console")
    expect(page.get_by_role("button", name="Place the order")).to_be_enabled(timeout=60_000)
    expect(page.get_by_text("Not possible while the console is down.")).to_be_hidden()
    expect(board.get_by_role("switch", disabled=True)).to_have_count(0)


@pytest.mark.parametrize("path", ["/traces", "/time"])
def test_a_list_that_was_read_before_is_marked_as_old(page: Page, breakable_shop: Shop, path: str) -> None:
    place_order(page)
    page.goto(path)
    expect(page.locator(PAGES[path]).first).to_be_visible()
    terminate([breakable_shop.state.processes["observatory"]], 5)
    try:
        old = page.locator("main .message.bad")
        expect(old).to_contain_text(re.compile(r"Not updated since \d\d:\d\d:\d\d\. observatory is down\."))
        expect(page.locator(PAGES[path]).first).to_be_visible()
    finally:
        breakable_shop.restart("observatory")
    expect(page.locator("main .message.bad:visible")).to_have_count(0, timeout=60_000)
    expect(page.locator(PAGES[path])).to_have_count(0)  # the restarted observatory has none of them
    place_order(page.context.new_page())
    expect(page.locator(PAGES[path]).first).to_be_visible()


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
        expect(pages["/old-way"].get_by_text("The host has")).to_contain_text("CPU")
        page.goto("/board")
        expect(page.locator("main .message.bad:visible")).to_have_text(
            "✖ observatory does not answer: Connection refused. The page tries again."
        )
        page.goto("/?item=3")
        page.get_by_role("button", name="Place the order").click()
        expect(page.locator(".verdict")).to_contain_text("Accepted. Whether it was handled is unknown: observatory does not answer")
    finally:
        breakable_shop.restart("observatory")
    client.place_order(item_id=3)
    for path, opened in pages.items():
        expect(opened.locator(PAGES[path]).first).to_be_visible(timeout=60_000)
        expect(opened.locator("main .message.bad:visible")).to_have_count(0)


@pytest.mark.parametrize(
    ("part", "meanwhile"), [("stock-updater", "not handled within 10 s"), ("dynamodb", "Accepted, but not handled so far")]
)
def test_an_order_that_waits_for_a_dead_part_is_shown_as_handled_later(
    page: Page, breakable_shop: Shop, part: str, meanwhile: str
) -> None:
    page.goto("/?item=3")
    terminate([breakable_shop.state.processes[part]], 5)
    try:
        page.get_by_role("button", name="Place the order").click()
        expect(page.locator(".verdict")).to_contain_text(meanwhile)
    finally:
        breakable_shop.restart(part)

    expect(page.locator(".verdict")).to_contain_text("Accepted and handled in", timeout=60_000)


@pytest.mark.parametrize(("path", "empty"), [("/traces", "No matching traces."), ("/time", "No matching orders.")])
def test_an_empty_list_shows_the_next_order_by_itself(page: Page, client: ShopClient, path: str, empty: str) -> None:
    client.clear_telemetry()
    page.goto(path)
    expect(page.get_by_text(empty)).to_be_visible()
    client.place_order(item_id=3)
    expect(page.locator(PAGES[path]).first).to_be_visible()
    page.get_by_label("Service").focus()
    expect(page.get_by_label("Service").locator("option", has_text="stock-updater")).to_have_count(1)
