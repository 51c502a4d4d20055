import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from vshop.runtime.local.shop import Shop
from vshop.runtime.model.processes import terminate
from vshop.shop.addresses import Addresses, find
from vshop.shop.client import Placed, ShopClient
from vshop.shop.traces import TraceReader

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

PARTS = ("orders", "auth-stub", "stock-updater", "kafka", "dynamodb", "observatory", "console")
PAGES = {
    "/": ".items",
    "/board": ".incidents",
    "/exercise": "#begin",
    "/traces": "table.traces, .message.bad:visible",
    "/traces/{broken}": ".detail .exception, .message.bad:visible",
    "/compare?a={clean}&b={broken}": "table.sides, .message.bad:visible",
    "/map": "svg .node, .message.bad:visible",
    "/time": "table.time, .message.bad:visible",
    "/insights": ".tile, .message.bad:visible",
    "/old-way": ".question, .message.bad:visible",
    "/dead-letters": "table.letters, .message.bad:visible",
}
WIDTHS = {390: 844, 1280: 720, 1920: 1080}
UNTRUE = re.compile(
    r"undefined|\bNaN\b|\[object|\bnull\b|\b1 (traces|orders|spans|records|errors|items|CPUs)\b|\.\.(?!\.)"
    r"|`|KafkaError|vshop status"
)
"""What no page may show. Payloads and logs are not searched: they hold what was sent."""
STALE = re.compile("Not updated|Not loaded")
TEXT = """() => [...document.querySelectorAll('#outages, main')].map((part) => {
    const copy = part.cloneNode(true);
    copy.querySelectorAll('pre, .logs, td code').forEach((one) => one.remove());
    return copy.textContent;
}).join(' ')"""


@pytest.fixture(scope="module")
def addresses(browser: Browser, breakable_shop: Shop) -> Addresses:
    return find(breakable_shop.state.home, {})


@pytest.fixture
def paths(client: ShopClient) -> dict[str, str]:
    reader = TraceReader(client.addresses.traces)
    clean = client.place_order(item_id=3)
    broken = client.place_order(item_id=3, headers={"baggage": "shop.chaos=stock-put-missing-key"})
    reader.wait_whole(clean.trace_id, clean.order_id, 60)
    reader.wait(broken.trace_id, lambda trace: any(".dlq" in span.name for span in trace.spans), 60)
    return {path: path.format(clean=clean.trace_id, broken=broken.trace_id) for path in PAGES}


@pytest.fixture
def tolerated() -> list[str]:
    return ["Failed to load resource"]


def _problems(page: Page, path: str) -> list[str]:
    found = [f"{path}: shows {match[0]!r}: {match.string[match.start() - 40 : match.end() + 20]!r}" for match in _untrue(page)]
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        wide = page.evaluate("document.documentElement.scrollWidth")
        found += [f"{path} at {width}: {wide} pixels wide"] if wide > width else []
    return found


def _untrue(page: Page) -> Iterator[re.Match[str]]:
    return UNTRUE.finditer(" ".join(page.evaluate(TEXT).split()))


def _axe(page: Page, path: str) -> list[str]:
    answer: dict[str, Any] = Axe().run(page).response
    return [f"{path}: {one['id']} {[node['target'] for node in one['nodes']]}" for one in answer["violations"]]


def test_every_page_under_load(page: Page, client: ShopClient, paths: dict[str, str]) -> None:
    done = threading.Event()
    token = client.token()

    def order() -> None:
        placed: list[Placed] = []
        while not done.wait(0.05):
            baggage = {"baggage": "shop.chaos=stock-put-missing-key"} if len(placed) % 20 == 0 else {}
            placed.append(client.place_order(item_id=len(placed) % 9, token=token, headers=baggage))

    thread = threading.Thread(target=order)
    thread.start()
    found = []
    try:
        for path, ready in PAGES.items():
            page.goto(paths[path])
            expect(page.locator(ready).first).to_be_visible()
            found += _problems(page, path) + _axe(page, path)
            expect(page.locator("#outages")).to_be_hidden()
    finally:
        done.set()
        thread.join()

    assert found == []


@pytest.mark.parametrize("part", PARTS)
def test_every_page_with_a_dead_part(page: Page, breakable_shop: Shop, paths: dict[str, str], part: str) -> None:
    opened = {path: page.context.new_page() for path in PAGES}
    for path, one in opened.items():
        one.goto(paths[path])
        expect(one.locator(PAGES[path]).first).to_be_visible()
    found = []
    terminate([breakable_shop.state.processes[part]], 5)
    try:
        for path, one in opened.items():
            text = re.compile(rf"{part} has been down since \d+:\d+:\d+.*vshop restart {part}")
            expect(one.locator("#outages")).to_contain_text(text)
            found += _problems(one, f"open {path}")
            if part != "console":
                one.goto(paths[path])
                expect(one.locator("#outages")).to_contain_text(f"{part} has been down since")
                expect(one.locator(PAGES[path]).first).to_be_visible(timeout=60_000)
                found += _problems(one, path) + _axe(one, path)
    finally:
        breakable_shop.restart(part)
    for one in opened.values():
        expect(one.locator("#outages")).to_be_hidden(timeout=60_000)
        expect(one.locator("main .message.bad:visible", has_text=re.compile("Not updated|Not loaded"))).to_have_count(
            0, timeout=60_000
        )

    assert found == []
