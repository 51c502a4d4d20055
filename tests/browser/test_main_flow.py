import re
import time

import pytest
from playwright.sync_api import Page, expect

from tests.timing import Budget

LIMIT_S = 120


@pytest.mark.timing
def test_order_inject_find_the_cause_recover_and_order_again(page: Page, budget: Budget) -> None:
    began = time.monotonic()
    page.goto("/")
    page.get_by_role("radio", name="Trail backpack").check()
    page.get_by_role("button", name="Place the order").click()
    expect(page.locator(".verdict")).to_contain_text("Accepted and handled")

    page.get_by_role("link", name="Incidents").click()
    page.get_by_role("switch", name="Switch stock-put-missing-key").click()
    expect(page.locator(".now")).to_contain_text("stock-put-missing-key, switched on")
    expect(page.locator(".now")).to_contain_text("acknowledged by stock-updater")

    page.locator("#stock-put-missing-key").get_by_role("button", name="Details").click()
    page.locator("#stock-put-missing-key").get_by_role("link", name="Prepare the triggering order").click()
    page.get_by_role("button", name="Place the order").click()
    expect(page.locator(".verdict")).to_contain_text("Accepted, but not handled")
    page.get_by_role("link", name="Open the trace").click()

    expect(page.get_by_role("heading", name="Where it failed")).to_be_visible()
    expect(page.locator(".detail h2")).to_have_text("DynamoDB.PutItem")
    expect(page.locator(".detail")).to_contain_text("Missing the key id in the item")
    sent = page.locator(".detail .block", has_text="shop.dynamodb.request").locator("pre")
    expect(sent).to_contain_text("Trail backpack")
    assert re.search(r'"id":', sent.inner_text()) is None

    page.get_by_role("link", name="Incidents", exact=True).click()
    page.get_by_role("switch", name="Switch stock-put-missing-key").click()
    expect(page.get_by_text("No incident is on.")).to_be_visible()
    page.get_by_role("link", name="Shop", exact=True).click()
    page.get_by_role("radio", name="Trail backpack").check()
    page.get_by_role("button", name="Place the order").click()
    expect(page.locator(".verdict")).to_contain_text("Accepted and handled")

    assert time.monotonic() - began < budget(LIMIT_S)
