import pytest
from playwright.sync_api import Page, expect

from vshop.kit.demo_data import ITEMS
from vshop.shop.client import ShopClient


def test_every_item_has_its_picture_price_and_stock(page: Page) -> None:
    page.goto("/")

    expect(page.locator(".item")).to_have_count(len(ITEMS))
    for item in ITEMS.values():
        card = page.locator(".item", has_text=item.name)
        expect(card).to_contain_text(f"€ {item.price_cents / 100:.2f}")
        expect(card.locator("[data-stock]")).to_contain_text("in stock")
    assert page.evaluate("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")


def test_an_order_of_another_client_updates_the_stock(page: Page, client: ShopClient) -> None:
    page.goto("/")
    stock = page.locator('[data-stock="7"]')
    expect(stock).to_have_attribute("data-value", str(client.item(7)["stock"]))
    before = int(stock.get_attribute("data-value") or 0)

    client.place_order(item_id=7, quantity=3)

    expect(stock).to_have_attribute("data-value", str(before - 3))


@pytest.mark.parametrize(("shopper", "code"), [("Ada", "DEL15"), ("Grace", "XMASSAVE30"), ("Edsger", "none")])
def test_an_order_is_shown_with_its_hops_and_trace(page: Page, shopper: str, code: str) -> None:
    page.goto("/")
    page.get_by_role("radio", name="Desk lamp").check()
    page.get_by_label("Shopper").select_option(shopper)
    page.get_by_label("Discount code").select_option(code)
    page.get_by_label("Quantity").fill("2")
    page.get_by_role("button", name="Place the order").click()

    expect(page.locator(".hops li.good")).to_have_count(5)
    expect(page.locator(".beside .row")).to_have_count(7)
    expect(page.locator("#announce")).to_contain_text("Accepted and handled")
    expect(page.get_by_role("row", name="2 × Desk lamp")).to_contain_text("✓ yes")  # noqa: RUF001 - as the page writes it


def test_the_list_of_orders_fits_a_phone_and_says_how_long_it_is_kept(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/?item=9&quantity=50")
    expect(page.get_by_text("The orders that you place here are listed until you reload the page.")).to_be_visible()
    page.get_by_role("button", name="Place the order").click()

    table = page.get_by_role("region", name="Table of your orders")
    expect(table.get_by_role("row", name="50 × Last umbrella")).to_contain_text("yes")  # noqa: RUF001 - as the page writes it
    assert table.evaluate("(region) => region.scrollWidth - region.clientWidth") == 0


def test_a_rejected_order_shows_the_service_and_the_reason(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Quantity").fill("1000000000")
    page.get_by_role("button", name="Place the order").click()

    expect(page.locator(".verdict")).to_contain_text("Refused: orders returned 400")
    expect(page.locator(".progress .message")).to_contain_text("quantity")


def test_an_incident_in_one_order_affects_no_other(page: Page, client: ShopClient) -> None:
    page.goto("/?item=1&chaos=stock-put-missing-key")
    page.get_by_role("button", name="Place the order").click()
    expect(page.locator(".verdict")).to_contain_text("Accepted, but not handled")
    assert client.switched_on() == []

    page.get_by_label("Fault").select_option("none")
    page.get_by_role("button", name="Place the order").click()

    expect(page.locator(".verdict")).to_contain_text("Accepted and handled")


def test_an_order_that_is_not_consumed_is_shown_as_such(page: Page, client: ShopClient) -> None:
    client.switch_on("stock-consumer-stalled")
    page.goto("/?item=8")
    page.get_by_role("button", name="Place the order").click()

    expect(page.locator(".hops li.wait")).to_have_count(2)
    expect(page.locator(".verdict")).to_contain_text("not handled within 10 s")


def test_simulated_customers_place_orders(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Simulate 6 customers").click()

    expect(page.get_by_text("6 orders placed, 6 accepted.")).to_be_visible()


def test_a_refused_request_is_marked_in_the_waterfall_of_each_service(page: Page) -> None:
    page.goto("/?item=1&chaos=auth-token-expired")
    page.get_by_role("button", name="Place the order").click()

    expect(page.locator(".verdict")).to_contain_text("Refused: orders returned 401")
    expect(page.locator(".beside .row.failed")).to_have_count(3)
