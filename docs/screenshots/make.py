"""Takes the screenshots of the console, and draws commands with their output, on a running shop: `make screenshots`."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.text import Text

from vshop.shop.addresses import find
from vshop.shop.client import ShopClient

FOLDER = Path(__file__).parent
PROGRAMS = ("chromium-headless-shell", "chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
WAIT_MS = 20_000
WIDTH = 120
SESSION = (
    "vshop chaos on stock-put-missing-key",
    "vshop order --quantity 2",
    "vshop chaos off stock-put-missing-key",
    "vshop dlq replay --all",
)


def main() -> None:
    """Take a screenshot of each page while an incident is on, then run the session on a clean shop."""
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
    _vshop("reset")
    _draw_session()


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


def _draw_session() -> None:
    console = Console(record=True, width=WIDTH, file=sys.stderr, force_terminal=True)
    for command in SESSION:
        console.print(f"[bold green]$[/] [bold]{command}[/]")
        output = _vshop(*command.split()[1:])
        console.print(Text.from_ansi(re.sub(r"127\.0\.0\.1:\d+(?=/trace)", "127.0.0.1:16686", output)))
    drawn = console.export_svg(title="The virtual shop", unique_id="terminal")
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)  # no external fonts
    (FOLDER / "terminal.svg").write_text(drawn, encoding="utf-8")
    sys.stdout.write("docs/screenshots/terminal.svg\n")


def _vshop(*arguments: str) -> str:
    env = os.environ | {"COLUMNS": str(WIDTH), "FORCE_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "vshop.cli", *arguments]
    return subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout


if __name__ == "__main__":
    main()
