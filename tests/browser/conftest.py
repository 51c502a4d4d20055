import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import Addresses, find
from vshop.shop.client import USERS, Placed, ShopClient
from vshop.shop.traces import TraceReader

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
ARTIFACTS = Path(__file__).parents[2] / "artifacts" / "browser"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MS = 20_000
LAPTOP = {"width": 1280, "height": 720}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if path is None:
        pytest.skip("Install Chromium (on Debian: apt-get install chromium-headless-shell) to run this test.")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, headless=True, args=list(FLAGS))
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def addresses(browser: Browser, shared_shop: Shop) -> Addresses:
    return find(shared_shop.state.home, {})


@pytest.fixture(scope="module")
def client(addresses: Addresses) -> ShopClient:
    return ShopClient(addresses)


@pytest.fixture(scope="module")
def orders(client: ShopClient) -> dict[str, Placed]:
    """A clean order, and one that became a dead letter."""
    reader = TraceReader(client.addresses.traces)
    clean = client.place_order(item_id=5, quantity=4, username=USERS[2])
    broken = client.place_order(item_id=5, quantity=4, username=USERS[1], headers={"baggage": "shop.chaos=stock-put-missing-key"})
    for placed in (clean, broken):
        reader.wait_whole(placed.trace_id, placed.order_id, 20)
    reader.wait(broken.trace_id, lambda trace: any(".dlq" in span.name for span in trace.spans), 20)
    return {"clean": clean, "broken": broken}


@pytest.fixture(autouse=True)
def _reset(client: ShopClient) -> Iterator[None]:
    yield
    requests.delete(f"{client.addresses.console}/api/exercise", timeout=30)
    client.switch_all_off()


class PageErrors:
    def __init__(self, context: BrowserContext, own: str, tolerated: list[str]) -> None:
        self.found: list[str] = []
        self._tolerated = tolerated
        self._own = own
        context.on("console", lambda message: self._on_message(message.type, message.text))
        context.on("weberror", lambda error: self.found.append(f"exception: {error.error}"))
        context.on("request", lambda request: self._on_request(request.url))

    def _on_message(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not any(part in text for part in self._tolerated):
            self.found.append(f"{kind}: {text}")

    def _on_request(self, url: str) -> None:
        if not url.startswith((self._own, "data:", "blob:")):
            self.found.append(f"request to another origin: {url}")


@pytest.fixture
def tolerated() -> list[str]:
    return []


@pytest.fixture
def settings_of_context() -> dict[str, Any]:
    return {"viewport": LAPTOP}


@pytest.fixture
def page(
    browser: Browser,
    addresses: Addresses,
    settings_of_context: dict[str, Any],
    tolerated: list[str],
    request: pytest.FixtureRequest,
) -> Iterator[Page]:
    """A page in a new profile. A screenshot of its end is kept under artifacts/browser."""
    context = browser.new_context(base_url=addresses.console, **settings_of_context)
    context.set_default_timeout(WAIT_MS)
    errors = PageErrors(context, addresses.console, tolerated)
    opened = context.new_page()
    yield opened
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    opened.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)
    context.close()
    assert errors.found == []
