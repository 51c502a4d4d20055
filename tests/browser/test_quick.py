"""With 10,000 traces held, what a page asks for is there in under 200 ms."""

import importlib.util
import os
import time
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from vshop.client import ShopClient

_spec = importlib.util.spec_from_file_location("many_traces", Path(__file__).with_name("many_traces.py"))
assert _spec is not None
assert _spec.loader is not None
many_traces = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(many_traces)

TRACES = 10_000
LIMIT_S = 0.2


def allowed_s() -> float:
    """Return the limit on a machine that has nothing else to do; where more runs than there are cores, so much longer."""
    return LIMIT_S * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


TRIES = 15


@pytest.fixture(scope="module")
def many(client: ShopClient) -> str:
    """Fill the observatory; return the id of a trace in the midst."""
    many_traces.send(client.addresses.observatory, TRACES)
    answer = requests.get(f"{client.addresses.console}/api/traces?order=made-5000", timeout=60).json()
    return str(answer["traces"][0]["traceId"])


@pytest.mark.parametrize(
    "path",
    [
        "/api/traces?limit=20",
        "/api/traces?limit=20&error=true",
        "/api/traces?limit=20&item=3",
        "/api/traces?limit=20&service=stock-updater&exception=botocore.exceptions.ClientError",
        "/api/traces?order=made-5000",
        "/api/traces/{trace}?related=1",
        "/api/map?limit=150",
        "/api/time?limit=100",
        "/api/insights",
        "/api/alerts",
        "/api/old-way",
        "/api/shop/stock",
        "/api/incidents",
    ],
)
def test_a_request_of_the_page_is_answered_in_time(client: ShopClient, many: str, path: str) -> None:
    """The quickest of some tries: what else the machine does is not measured."""
    url = client.addresses.console + path.format(trace=many)
    took = []
    with requests.Session() as session:
        for _ in range(TRIES):
            began = time.perf_counter()
            assert session.get(url, timeout=60).status_code == 200
            took.append(time.perf_counter() - began)
            if took[-1] < allowed_s():
                break

    assert min(took) < allowed_s()


def test_the_list_of_traces_is_drawn_in_time(page: Page, many: str) -> None:
    """From the click to the last row."""
    page.goto("/")
    expect(page.locator(".item [data-stock][data-value]").first).to_be_visible()
    took = []
    for _ in range(TRIES):
        took.append(
            page.evaluate(
                """() => new Promise((resolve) => {
                    const began = performance.now();
                    const watch = new MutationObserver(() => {
                        if (document.querySelectorAll('table.traces tbody tr').length >= 20) {
                            watch.disconnect();
                            resolve(performance.now() - began);
                        }
                    });
                    watch.observe(document.body, {childList: true, subtree: true});
                    document.querySelector('#nav a[href="/traces"]').click();
                })"""
            )
            / 1000
        )
        if took[-1] < allowed_s():
            break
        page.get_by_role("link", name="Shop", exact=True).click()
        expect(page.locator(".item [data-stock][data-value]").first).to_be_visible()

    assert min(took) < allowed_s()
