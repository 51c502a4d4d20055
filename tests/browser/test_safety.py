import re

import pytest
import requests
from playwright.sync_api import Page, expect

from vshop.shop.client import ShopClient

ATTACK = '<script>window.owned=1</script><img src=x onerror="window.owned=1">'
TIMEOUT_S = 30


@pytest.fixture(scope="module")
def attacked(client: ShopClient) -> str:
    body = {"itemId": 1, "username": ATTACK, "discountCode": ATTACK, "quantity": 1, ATTACK: ATTACK}
    headers = {"User-Agent": ATTACK, "Idempotency-Key": ATTACK, "baggage": "x=%3Cscript%3E", "X-Attack": ATTACK}
    token = client.token()
    answers = [
        requests.post(
            f"{client.addresses.orders}/orders",
            json={name: value for name, value in body.items() if name not in left_out},
            headers=headers | {"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_S,
        )
        for left_out in ((), (ATTACK,), (ATTACK, "discountCode"), (ATTACK, "username"))
    ]
    assert all(answer.status_code != 202 for answer in answers)
    ordered = client.place_order(item_id=2, headers={"User-Agent": ATTACK, "X-Attack": ATTACK})
    assert ordered.accepted
    return ordered.trace_id


@pytest.mark.parametrize("path", ["/traces", "/map", "/time", "/insights", "/old-way", "/compare"])
def test_markup_in_an_order_stays_text(page: Page, attacked: str, path: str) -> None:
    page.goto(path)
    expect(page.locator("main h1")).to_be_visible()
    page.wait_for_load_state("networkidle" if path in {"/traces", "/time", "/compare"} else "load")

    assert page.evaluate("window.owned") is None
    assert page.locator("main script, main img[onerror]").count() == 0


def test_the_page_of_a_trace_shows_markup_as_text(page: Page, attacked: str) -> None:
    page.goto(f"/traces/{attacked}")
    page.locator("button.row", has_text="POST /orders").click()

    expect(page.locator(".detail")).to_contain_text("<script>window.owned=1</script>")
    assert page.evaluate("window.owned") is None


def test_a_search_for_markup_is_text_too(page: Page) -> None:
    page.goto(f"/traces?order={requests.utils.quote(ATTACK)}")

    expect(page.get_by_label("Order id")).to_have_value(ATTACK)
    assert page.evaluate("window.owned") is None


@pytest.mark.parametrize("path", ["/", "/traces/x", "/api/traces", "/static/js/main.js", "/nowhere"])
def test_every_answer_has_a_strict_policy(client: ShopClient, path: str) -> None:
    headers = requests.get(client.addresses.console + path, timeout=TIMEOUT_S).headers

    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/shop/orders"),
        ("POST", "/api/shop/customers"),
        ("POST", "/api/exercise"),
        ("POST", "/api/shop/reset"),
        ("POST", "/api/shop/dead-letters/replay"),
        ("POST", "/api/exercise/answer"),
        ("DELETE", "/api/exercise"),
        ("DELETE", "/chaos"),
        ("PUT", "/chaos/auth-token-expired"),
    ],
)
def test_another_origin_changes_nothing(client: ShopClient, method: str, path: str) -> None:
    answer = requests.request(
        method, client.addresses.console + path, json={}, headers={"Origin": "http://evil.example"}, timeout=TIMEOUT_S
    )

    assert answer.status_code == 403
    assert client.switched_on() == []


def test_a_foreign_host_name_reads_nothing(client: ShopClient) -> None:
    answer = requests.get(f"{client.addresses.console}/api/traces", headers={"Host": "evil.example"}, timeout=TIMEOUT_S)

    assert answer.status_code == 403


def test_a_form_cannot_place_an_order(client: ShopClient) -> None:
    """Browsers send forms to other origins without a preflight request."""
    answer = requests.post(f"{client.addresses.console}/api/shop/orders", data={"itemId": 1}, timeout=TIMEOUT_S)

    assert answer.status_code == 415


def test_nothing_of_the_page_is_inline(client: ShopClient) -> None:
    document = requests.get(client.addresses.console, timeout=TIMEOUT_S).text

    assert re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", document) is None
    assert re.findall(r'(?:src|href)="(?!/|#)', document) == []


def test_endpoints_for_programs_return_json(client: ShopClient) -> None:
    for path in ("/chaos", "/incidents", "/healthz"):
        answer = requests.get(client.addresses.console + path, timeout=TIMEOUT_S)
        assert answer.headers["Content-Type"].startswith("application/json"), path
