"""A real shop and a real browser for the session; each test gets a page that must stay without errors and on its own origin."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from vshop.addresses import Addresses, find
from vshop.client import ShopClient
from vshop.runtime.options import Options
from vshop.runtime.shop import Shop

# Headless shell is the same engine without the browser around it, which nobody sees here.
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
    """The system's own Chromium; none is ever downloaded."""
    path = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if path is None:
        reason = "no chromium on PATH"
        if os.environ.get("VSHOP_REQUIRE_BROWSER"):
            pytest.fail(f"{reason}, though VSHOP_REQUIRE_BROWSER is set")
        pytest.skip(reason)
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, headless=True, args=list(FLAGS))
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def addresses(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """Where the session's shop is; it is not started where there is no browser."""
    home = str(tmp_path_factory.mktemp("shop"))
    with Shop.start(Options(free_ports=True, home=home, aot=False, timeout_s=100)):
        yield find(home, {})


@pytest.fixture(scope="session")
def client(addresses: Addresses) -> ShopClient:
    """Speaks to the shop without a browser."""
    return ShopClient(addresses)


@pytest.fixture(autouse=True)
def healed(client: ShopClient) -> Iterator[None]:
    """After each test nothing is on, and no exercise runs."""
    yield
    requests.delete(f"{client.addresses.console}/api/exercise", timeout=30)
    client.switch_all_off()


class Watched:
    """What went on in a page that should not."""

    def __init__(self, context: BrowserContext, own: str, tolerated: list[str]) -> None:
        self.wrong: list[str] = []
        self._tolerated = tolerated
        self._own = own
        context.on("console", lambda message: self._said(message.type, message.text))
        context.on("weberror", lambda error: self.wrong.append(f"exception: {error.error}"))
        context.on("request", lambda request: self._asked(request.url))

    def _said(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not any(part in text for part in self._tolerated):
            self.wrong.append(f"{kind}: {text}")

    def _asked(self, url: str) -> None:
        if not url.startswith((self._own, "data:", "blob:")):
            self.wrong.append(f"asked elsewhere: {url}")


@pytest.fixture
def tolerated() -> list[str]:
    """Parts of what the browser's console may say in a test that provokes it."""
    return []


@pytest.fixture
def settings_of_context() -> dict[str, Any]:
    """How the browser presents itself; a test module may override it."""
    return {"viewport": LAPTOP}


@pytest.fixture
def page(
    browser: Browser,
    addresses: Addresses,
    settings_of_context: dict[str, Any],
    tolerated: list[str],
    request: pytest.FixtureRequest,
) -> Iterator[Page]:
    """A page in a fresh profile. Its last sight is kept under artifacts/browser; nothing may have gone wrong in it."""
    context = browser.new_context(base_url=addresses.console, **settings_of_context)
    context.set_default_timeout(WAIT_MS)
    watched = Watched(context, addresses.console, tolerated)
    opened = context.new_page()
    yield opened
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name)
    opened.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)
    context.close()
    assert watched.wrong == []
