import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from vshop.shop.client import Placed, ShopClient
from vshop.shop.traces import TraceReader


def _rows(page: Page) -> str:
    expect(page.locator("#announce")).to_have_text(re.compile(r"\d+ traces?"))
    return page.locator("table.traces").inner_text()


@pytest.mark.parametrize(
    ("query", "found", "missed"),
    [
        ("service=stock-updater&error=true", "broken", "clean"),
        ("service=orders&operation=POST+/orders&item=5", "clean", None),
        ("exception=botocore.exceptions.ClientError", "broken", "clean"),
        ("user=auth0|5ba1a9227dc7232e1aec4fd2&item=5", "clean", "broken"),
        ("item=5&error=true", "broken", "clean"),
        ("item=5&minMs=0.1&maxMs=60000", "clean", None),
    ],
)
def test_search_criteria(page: Page, orders: dict[str, Placed], query: str, found: str, missed: str | None) -> None:
    page.goto(f"/traces?{query}")
    rows = _rows(page)

    assert orders[found].trace_id[:8] in rows
    if missed:
        assert orders[missed].trace_id[:8] not in rows


def test_a_search_by_order_is_kept_in_the_address(page: Page, orders: dict[str, Placed]) -> None:
    page.goto("/traces")
    page.get_by_label("Order id").fill(str(orders["broken"].order_id))
    page.get_by_role("button", name="Search").click()

    expect(page.locator("table.traces tbody tr")).to_have_count(1)
    expect(page.locator("table.traces")).to_contain_text(orders["broken"].trace_id[:8])
    assert f"order={orders['broken'].order_id}" in page.url


def test_a_search_that_finds_nothing_says_so(page: Page) -> None:
    page.goto("/traces?order=there-is-no-such-order")

    expect(page.get_by_text("No matching traces.")).to_be_visible()


def test_a_trace_shows_its_spans_payloads_logs_and_critical_path(page: Page, orders: dict[str, Placed]) -> None:
    page.goto(f"/traces/{orders['clean'].trace_id}")

    expect(page.locator(".waterfall .row")).to_have_count(7)
    assert page.locator(".waterfall .critical").count() > 3
    page.locator("button.row", has_text="send queuing.retail_site.new_orders").click()
    expect(page.locator(".detail h2")).to_have_text("send queuing.retail_site.new_orders")
    expect(page.locator(".detail .block", has_text="shop.kafka.value").locator("pre")).to_contain_text('"quantity": 4')
    page.locator("button.row", has_text="POST /orders").click()
    expect(page.locator(".detail")).to_contain_text("placing new order")


def test_a_trace_shows_related_traces(page: Page, client: ShopClient) -> None:
    placed = client.place_order(item_id=6, headers={"baggage": "shop.chaos=orders-context-lost"})
    TraceReader(client.addresses.traces).wait(placed.trace_id, lambda trace: len(trace.spans) >= 4, 20)
    page.goto(f"/traces/{placed.trace_id}")

    expect(page.get_by_role("heading", name="Related trace")).to_be_visible()
    expect(page.get_by_text("same order, no link")).to_be_visible()


def test_a_missing_trace_is_reported(page: Page, tolerated: list[str]) -> None:
    tolerated.append("404")
    page.goto(f"/traces/{'ab' * 16}")

    expect(page.get_by_text("No span of the trace")).to_be_visible()


def test_the_trace_of_an_unprocessed_order_is_not_finished(page: Page, client: ShopClient) -> None:
    client.switch_on("stock-consumer-stalled")
    placed = client.place_order(item_id=4)
    page.goto(f"/traces/{placed.trace_id}")

    expect(page.locator(".head")).to_contain_text("not finished")
    page.goto("/traces?item=4")
    row = page.locator("table.traces tr", has=page.locator(f'input[value="{placed.trace_id}"]'))
    row.get_by_role("checkbox").check()
    expect(row.locator(".mark")).to_have_text("✖ 202 accepted, not handled")
    expect(row.get_by_role("checkbox")).to_be_checked()


def test_a_list_shows_that_an_order_was_handled_meanwhile(page: Page, orders: dict[str, Placed]) -> None:
    answers = 0

    def delay(route: Route) -> None:
        nonlocal answers
        answers += 1
        answer = route.fetch().json()
        for trace in answer["traces"] if answers == 1 else ():
            trace |= {"endsAtKafka": True, "handled": False, "failed": False}
        route.fulfill(json=answer)

    page.route("**/api/traces?*", delay)
    page.goto("/traces?item=5")
    row = page.locator("table.traces tr", has=page.locator(f'input[value="{orders["clean"].trace_id}"]'))
    expect(row.locator(".mark")).to_contain_text("202 accepted, not handled")

    expect(row.locator(".mark")).to_have_text("✓ 202")


def test_logs_that_cannot_be_read_are_not_called_missing(page: Page, orders: dict[str, Placed], tolerated: list[str]) -> None:
    tolerated.append("503")
    page.route("**/api/logs?*", lambda route: route.fulfill(status=503, json={"detail": "observatory is busy."}))
    page.goto(f"/traces/{orders['clean'].trace_id}")

    expect(page.locator("section.card", has_text="Logs of this trace")).to_contain_text("observatory is busy.")


def test_the_trace_of_a_dead_letter_is_finished(page: Page, orders: dict[str, Placed]) -> None:
    page.goto(f"/traces/{orders['broken'].trace_id}")

    expect(page.locator(".head")).to_contain_text("with errors")
    expect(page.locator(".head")).not_to_contain_text("Not finished")


def test_an_unknown_address_is_a_page(page: Page, tolerated: list[str]) -> None:
    tolerated.append("404")
    page.goto("/nowhere")

    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    expect(page.get_by_role("link", name="Open the shop")).to_be_visible()


def test_more_traces_can_be_shown(page: Page, client: ShopClient) -> None:
    for _ in range(22):
        client.place_order(item_id=7)
    client.flush()
    page.goto("/traces?item=7")
    rows = page.locator("table.traces tbody tr")
    expect(rows).to_have_count(20)
    expect(page.get_by_text("stored in all")).to_be_visible()

    page.get_by_role("button", name="Show 20 older traces").click()

    expect(rows).to_have_count(22)
    ids = page.locator("table.traces input").evaluate_all("boxes => boxes.map((box) => box.value)")
    assert len(set(ids)) == 22


@pytest.mark.parametrize("path", ["/traces", "/time", "/map", "/insights"])
def test_numbers_are_aligned_at_their_last_digit(page: Page, orders: dict[str, Placed], path: str) -> None:
    page.goto(path)
    expect(page.locator("td.number").first).to_be_visible()

    aligned = page.locator("th.number, td.number").evaluate_all("all => all.map((one) => getComputedStyle(one).textAlign)")
    assert set(aligned) <= {"right", "end"}
    others = page.locator("td:not(.number)").all_inner_texts()
    assert [text for text in others if re.fullmatch(r"[\d.,]*[1-9][\d.,]*\s*(ms|s|µs|%|/min)?", text.strip())] == []


@pytest.mark.parametrize(
    ("path", "last"),
    [("/traces", "td:nth-child(7)"), ("/map", "td:last-child a"), ("/time", "td:last-child"), ("/dead-letters", "button")],
)
def test_a_row_of_a_table_fits_a_phone(page: Page, orders: dict[str, Placed], path: str, last: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(path)
    cells = page.locator(f"main table tbody tr {last}")
    expect(cells.first).to_be_visible()

    boxes = cells.evaluate_all("all => all.map((one) => one.getBoundingClientRect()).map(({left, right}) => [left, right])")
    assert all(0 <= left < right <= 390 for left, right in boxes)


def test_an_operation_breaks_between_its_words_on_a_phone(page: Page, orders: dict[str, Placed]) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/time")
    link = page.get_by_role("link", name="process queuing.retail_site.new_orders")
    expect(link).to_be_visible()
    expect(page.get_by_label("Exception type")).to_be_hidden()  # the figures come first

    lines = link.evaluate("""(link) => {
        const parts = [...link.childNodes].filter((one) => one.nodeType === Node.TEXT_NODE && !one.data.includes(' '));
        return parts.map((part) => {
            const range = document.createRange();
            range.selectNode(part);
            return range.getClientRects().length;
        });
    }""")
    assert lines == [1] * 4  # "retail_", "site.", "new_" and "orders"


def test_a_refused_order_is_red_and_says_so(page: Page, client: ShopClient) -> None:
    refused = client.place_order(item_id=5, token="wrong")
    client.flush()
    page.goto("/traces?limit=50")
    row = page.locator("table.traces tr", has=page.locator(f'input[value="{refused.trace_id}"]'))

    expect(row).to_have_class("failed")
    expect(row.locator(".mark.bad")).to_have_text("✖ 401 refused")


def test_a_refused_order_is_refused_on_every_page(page: Page, client: ShopClient) -> None:
    """No span of an order with an invalid body has the status ERROR."""
    clean = client.place_order(item_id=5)
    refused = client.place_order(item_id=5, quantity=-1)
    client.flush()
    page.goto(f"/traces/{refused.trace_id}")
    expect(page.locator(".head .mark")).to_have_text("✖ 400 refused")
    expect(page.locator(".detail .mark").first).to_have_text("✖ refused")

    page.goto("/traces")
    for trace_id in (refused.trace_id, clean.trace_id):
        page.get_by_label(f"Select trace {trace_id[:8]}").check()
    page.get_by_role("button", name="Compare selected").click()
    expect(page.get_by_label("Broken order").locator("option:checked")).to_contain_text(re.compile(f"^✖ .*{refused.trace_id[:8]}"))
    row = page.locator("table.sides tr", has_text="POST /orders")
    expect(row).to_have_class("failed")
    expect(row).to_contain_text("✖ 400")


def test_dead_letters_come_newest_first_with_a_warning_while_an_incident_is_on(page: Page, client: ShopClient) -> None:
    first, second = (client.place_order(item_id=1, headers={"baggage": "shop.chaos=stock-put-missing-key"}) for _ in range(2))
    page.goto("/dead-letters")
    links = page.locator("table.letters a")
    expect(links.first).to_have_attribute("href", f"/traces/{second.trace_id}")
    expect(links.nth(1)).to_have_attribute("href", f"/traces/{first.trace_id}")
    warning = page.get_by_text("While an incident is on, replayed orders may fail again.")
    expect(warning).to_have_count(0)

    client.switch_on("stock-put-missing-key")
    expect(warning).to_be_visible()


def _dead_letter(number: int, error_type: str | None, message: str) -> dict[str, Any]:
    of_order = {"value": '{"itemId": 3, "quantity": 1}', "traceId": f"{number:032x}", "handled": number == 0}
    return {"id": f"0-{number}", "errorType": error_type, "errorMessage": message} | of_order


def test_dead_letters_of_one_error_are_grouped_and_counted(page: Page) -> None:
    letters = [_dead_letter(number, "ValidationException", "Missing the key id") for number in range(3)]
    letters += [_dead_letter(5, None, "written by hand")]
    letters += [_dead_letter(number, "InvalidRecordError", f"no order {number}") for number in (3, 4)]
    page.route("**/api/shop/dead-letters", lambda route: route.fulfill(json={"letters": letters}))
    page.goto("/dead-letters")
    first, second = (page.get_by_role("region", name=name, exact=True) for name in ("InvalidRecordError", "ValidationException"))

    expect(page.get_by_role("heading", name="6 dead letters")).to_be_visible()
    expect(page.get_by_role("region", name="No error type", exact=True)).to_contain_text("written by hand")
    expect(first).to_contain_text("2 dead letters, 2 not handled")
    expect(first.locator("td.error")).to_have_text(["no order 4", "no order 3"])
    expect(second).to_contain_text("3 dead letters, 2 not handled")
    expect(second.get_by_text("Missing the key id")).to_have_count(1)


def test_dead_letters_stay_listed_if_a_replay_fails(page: Page, tolerated: list[str]) -> None:
    tolerated.append("503")
    letter = _dead_letter(1, "ValidationException", "Missing the key id")
    page.route("**/api/shop/dead-letters", lambda route: route.fulfill(json={"letters": [letter]}))
    page.goto("/dead-letters")
    expect(page.locator("table.letters")).to_be_visible()

    page.route("**/api/shop/dead-letters**", lambda route: route.fulfill(status=503, json={"detail": "Kafka did not answer"}))
    page.route("**/api/shop/dead-letters/replay", lambda route: route.fulfill(status=503, json={"detail": "Kafka did not answer"}))
    page.get_by_role("button", name="Replay 0-1").click()

    expect(page.get_by_text("Not updated since")).to_be_visible()
    expect(page.locator("table.letters")).to_contain_text("Kafka did not answer")
