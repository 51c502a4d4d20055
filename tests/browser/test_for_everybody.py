from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from vshop.shop.client import Placed, ShopClient
from vshop.shop.traces import TraceReader

PAGES = {
    "/": ".item [data-stock][data-value]",
    "/board": "article.incident",
    "/exercise": "#begin",
    "/traces": "table.traces",
    "/traces/{broken}": ".detail .exception",
    "/compare?a={clean}&b={broken}": "table.sides",
    "/map": "svg .node",
    "/time": "table.time",
    "/insights": ".chart canvas",
    "/old-way": ".question",
    "/dead-letters": "table.letters",
}
LAPTOP = {"width": 1280, "height": 720}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def orders(client: ShopClient) -> dict[str, Placed]:
    reader = TraceReader(client.addresses.traces)
    clean = client.place_order(item_id=3)
    broken = client.place_order(item_id=3, headers={"baggage": "shop.chaos=stock-put-missing-key"})
    reader.wait_whole(clean.trace_id, clean.order_id, 20)
    reader.wait(broken.trace_id, lambda trace: any(".dlq" in span.name for span in trace.spans), 20)
    return {"clean": clean, "broken": broken}


def _open(page: Page, path: str, orders: dict[str, Placed]) -> None:
    page.goto(path.format(**{name: placed.trace_id for name, placed in orders.items()}))
    expect(page.locator(PAGES[path]).first).to_be_visible()


def _serious(page: Page) -> list[str]:
    found: dict[str, Any] = Axe().run(page).response
    return [
        f"{one['id']}: {node['target']} {node.get('failureSummary', '')}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_serious_in_both_themes_and_the_page_fits(page: Page, orders: dict[str, Placed], path: str) -> None:
    _open(page, path, orders)
    found = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found[scheme] = _serious(page)
    widths = {}
    for size in (LAPTOP, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        widths[size["width"]] = page.evaluate("document.documentElement.scrollWidth")

    assert found == {"light": [], "dark": []}
    assert {width: max(width, seen) for width, seen in widths.items()} == {width: width for width in widths}


def test_the_shop_can_be_used_without_a_mouse(page: Page) -> None:
    page.goto("/")
    expect(page.locator(".item [data-stock][data-value]").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.get_by_role("radio", name="Espresso cup").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Trail backpack")).to_be_checked()
    page.get_by_label("Quantity").focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")

    expect(page.locator(".verdict")).to_contain_text("Accepted and handled")


def test_a_new_page_gets_the_focus_and_its_title_is_announced(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Incidents", exact=True).press("Enter")

    expect(page.get_by_role("heading", name="Incidents", exact=True)).to_be_focused()
    expect(page).to_have_title("Incidents · Virtual shop")


def test_the_current_page_is_visible_in_the_navigation_of_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto("/old-way")

    expect(page.locator("#nav a[aria-current]")).to_be_in_viewport(ratio=1)


def test_the_header_is_aligned_with_the_page_on_a_wide_screen(page: Page) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto("/exercise")
    left = [page.locator(part).bounding_box() for part in (".brand", "main h1")]

    assert left[0] is not None
    assert left[1] is not None
    assert left[0]["x"] == left[1]["x"]


def test_the_selected_theme_is_kept(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Dark").click()
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_it_works_without_motion_and_in_forced_colours(browser: Browser, client: ShopClient) -> None:
    with browser.new_context(base_url=client.addresses.console, reduced_motion="reduce", forced_colors="active") as context:
        page = context.new_page()
        page.goto("/board")

        expect(page.get_by_role("switch").first).to_be_visible()
