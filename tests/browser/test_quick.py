"""With 10,000 stored traces, each request of a page takes under 200 ms."""

import importlib.util
import time
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.timing import Budget
from vshop.shop.client import ShopClient

_spec = importlib.util.spec_from_file_location("many_traces", Path(__file__).with_name("many_traces.py"))
assert _spec is not None
assert _spec.loader is not None
many_traces = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(many_traces)

pytestmark = pytest.mark.timing

TRACES = 10_000
LIMIT_S = 0.2
TRIES = 15
"""The fastest one counts, because other processes share the machine."""


@pytest.fixture(scope="module")
def many(client: ShopClient) -> str:
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
        "/api/host",
        "/api/old-way",
        "/api/shop/stock",
        "/api/incidents",
    ],
)
def test_a_request_of_the_page_is_answered_in_time(client: ShopClient, many: str, budget: Budget, path: str) -> None:
    url = client.addresses.console + path.format(trace=many)
    took = []
    with requests.Session() as session:
        for _ in range(TRIES):
            began = time.perf_counter()
            assert session.get(url, timeout=60).status_code == 200
            took.append(time.perf_counter() - began)
            if took[-1] < budget(LIMIT_S):
                break

    assert min(took) < budget(LIMIT_S)


def test_the_list_of_traces_is_drawn_in_time(page: Page, many: str, budget: Budget) -> None:
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
        if took[-1] < budget(LIMIT_S):
            break
        page.get_by_role("link", name="Shop", exact=True).click()
        expect(page.locator(".item [data-stock][data-value]").first).to_be_visible()

    assert min(took) < budget(LIMIT_S)
