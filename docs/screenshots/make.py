"""Takes the screenshots of the console, on a running shop: `make screenshots`."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from vshop.shop.addresses import find
from vshop.shop.client import ShopClient

FOLDER = Path(__file__).parent
PROGRAMS = ("chromium-headless-shell", "chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
WAIT_MS = 20_000


def main() -> None:
    """Take a screenshot of each page while an incident is on."""
    client = ShopClient(find())
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=next(filter(None, map(shutil.which, PROGRAMS))), args=FLAGS)
            context = browser.new_context(base_url=client.addresses.console, viewport={"width": 1280, "height": 800})
            context.set_default_timeout(WAIT_MS)
            _tour(context.new_page(), client)
            browser.close()
    finally:
        client.switch_all_off()


def _tour(page: Page, client: ShopClient) -> None:
    page.goto("/")
    page.get_by_role("button", name="Simulate 6 customers").click()
    page.get_by_text("6 orders placed").wait_for()
    _order(page, "good")
    _take(page, "shop")
    client.switch_on("stock-put-missing-key")
    page.goto("/board#stock-put-missing-key")
    page.locator("article.on").scroll_into_view_if_needed()
    _take(page, "incidents")
    page.goto("/?item=1&quantity=2")
    _order(page, "bad")
    page.get_by_role("link", name="Open the trace").click()
    page.locator(".detail .exception").wait_for()
    _take(page, "trace")
    page.get_by_role("link", name="Compare with a clean order").click()
    page.locator("table.sides").wait_for()
    _take(page, "compare")
    for name, address, seen in (
        ("map", "/map", "svg .node"),
        ("time", "/time?limit=100", "table.time"),
        ("insights", "/insights", "table.alerts tr.failed"),
        ("classic-monitoring", "/old-way", ".question"),
    ):
        page.goto(address)
        page.locator(seen).first.wait_for()
        page.wait_for_timeout(1500)  # until the charts have data
        _take(page, name)
    page.emulate_media(color_scheme="dark")
    page.goto("/")
    _order(page, "bad")
    _take(page, "shop-dark")


def _order(page: Page, verdict: str) -> None:
    page.get_by_role("button", name="Place the order").click()
    page.locator(f".verdict.{verdict}").wait_for()


def _take(page: Page, name: str) -> None:
    page.screenshot(path=FOLDER / f"{name}.png")
    sys.stdout.write(f"docs/screenshots/{name}.png\n")


if __name__ == "__main__":
    main()
