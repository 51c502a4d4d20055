import itertools
import re

import pytest
from playwright.sync_api import Page, Route, expect

from vshop.shop.client import ShopClient
from vshop.shop.operations import reset
from vshop.shop.traces import TraceReader


@pytest.fixture(scope="module", autouse=True)
def _orders(client: ShopClient) -> None:
    reader = TraceReader(client.addresses.traces)
    for item in range(4):
        clean = client.place_order(item_id=item)
        reader.wait_whole(clean.trace_id, clean.order_id, 20)
    broken = client.place_order(item_id=1, headers={"baggage": "shop.chaos=stock-put-missing-key"})
    reader.wait(broken.trace_id, lambda trace: any(".dlq" in span.name for span in trace.spans), 20)


def test_the_map_has_topic_and_table_as_nodes_and_figures_on_its_edges(page: Page) -> None:
    page.goto("/map")

    expect(page.locator("svg .node.topic").first).to_contain_text("Kafka topic")
    expect(page.locator("svg .node.table")).to_contain_text("item-stock")
    expect(page.locator("svg .node.service")).to_have_count(3)
    expect(page.locator("svg .edge.bad").first).to_contain_text("% errors")
    expect(page.locator("svg .edge").first).to_contain_text("/min")
    for path in page.locator("svg .edge .line").evaluate_all("lines => lines.map((line) => line.getAttribute('d'))"):
        heights = [point.split()[1] for point in re.split("[ML]", path)[1:]]
        assert any(a == b for a, b in itertools.pairwise(heights)), f"no level part for the label: {path}"
    page.get_by_role("link", name="A trace from stock-updater to item-stock").click()
    expect(page.get_by_role("heading", name="Where it failed")).to_be_visible()


def test_self_time_is_summed_over_selected_orders(page: Page) -> None:
    page.goto("/time")
    expect(page.locator("table.time")).to_contain_text("DynamoDB.PutItem")
    shares = [float(text.rstrip("%")) for text in page.locator("table.time td:nth-child(4)").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=1)

    page.get_by_label("Only with errors").check()
    page.get_by_role("button", name="Search").click()

    expect(page.locator("table.time")).to_contain_text("new_orders.dlq")


def test_insights_show_totals_and_charts(page: Page, client: ShopClient) -> None:
    page.goto("/insights")
    expect(page.locator('[data-recent="items"]')).not_to_have_text("0")
    expect(page.locator('[data-recent="errors"]')).not_to_have_text("0")
    items = sum(series["points"][-1]["value"] for series in client.metrics("shop.items.ordered"))
    expect(page.locator('[data-total="items"]')).to_have_text(f"{round(items)} in all data")
    expect(page.locator(".chart canvas")).to_have_count(3)
    expect(page.locator(".chart", has_text="Errors by exception.type")).to_contain_text(
        re.compile(r"botocore\.exceptions\.ClientError: [1-9]\d* in this period")
    )


def test_tiles_and_charts_show_the_same_period(page: Page, client: ShopClient) -> None:
    page.goto("/insights")
    chart = page.locator(".chart", has_text="Orders accepted and handled").locator(".words")
    expect(chart).to_contain_text("accepted: ")

    pair = """() => [document.querySelector('[data-recent="accepted"]').textContent,
        /accepted: ([0-9,.]+)/.exec(document.querySelectorAll('.chart .words')[1].textContent)[1]]"""
    page.wait_for_function(f"() => {{ const [tile, chart] = ({pair})(); return tile === chart && tile !== '0'; }}")


def test_an_alert_names_the_unit_of_its_value(page: Page) -> None:
    page.goto("/insights")

    expect(page.locator("table.alerts tr", has_text="Orders are slow")).to_contain_text("fires above 1 second")
    expect(page.locator("table.alerts tr", has_text="not handled")).to_contain_text("fires from 1 order")


def test_the_map_says_which_traces_its_figures_are_from(page: Page) -> None:
    page.goto("/map")

    expect(page.get_by_text(re.compile(r"From \d+ order traces? since \d\d:\d\d:\d\d\."))).to_be_visible()
    expect(page.locator("svg")).not_to_contain_text("None")
    page.goto("/map?item=1")
    expect(page.get_by_text(re.compile(r"From \d+ matching traces? since"))).to_be_visible()


def test_the_map_does_not_count_other_requests_among_the_order_traces(page: Page) -> None:
    def newest(route: Route) -> None:
        seen = route.fetch().json()
        route.fulfill(json=seen | {"traces": 150})

    page.route("**/api/map**", newest)
    page.goto("/map")

    expect(page.get_by_text(re.compile(r"From the newest 150 order traces, since [\d:]+\. Older traces are not"))).to_be_visible()


def test_the_map_is_drawn_again_when_a_phone_is_turned(page: Page) -> None:
    """From top to bottom on a narrow screen, from left to right on a wide one. The navigation shows the current page."""
    page.goto("/map")
    for width, height, wide in ((1280, 720, True), (390, 844, False), (844, 390, True)):
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_function(
            """(wide) => {
                const drawn = document.querySelector('main svg')?.viewBox.baseVal;
                return drawn && (drawn.width > drawn.height) === wide;
            }""",
            arg=wide,
        )
        expect(page.locator("#nav [aria-current]")).to_be_in_viewport(ratio=1)


def test_a_firing_alert_links_to_its_trace(page: Page, client: ShopClient) -> None:
    client.place_order(item_id=1, headers={"baggage": "shop.chaos=stock-put-missing-key"})
    page.goto("/insights")
    row = page.locator("table.alerts tr", has_text="botocore.exceptions.ClientError")
    expect(row).to_contain_text("✖ firing")

    row.get_by_role("link").first.click()
    expect(page.get_by_role("heading", name="Where it failed")).to_be_visible()


def test_classic_monitoring_has_no_trace_links_and_shows_the_three_questions(page: Page) -> None:
    page.goto("/old-way")
    expect(page.locator(".logs.raw")).to_contain_text("sending new order=")
    expect(page.locator(".chart canvas")).to_have_count(4)
    assert page.locator(".logs.raw a").count() == 0

    page.get_by_role("searchbox").fill("cannot be handled")
    expect(page.locator(".logs.raw li").first).to_contain_text("the order cannot be handled")
    for word in ("what", "why", "where"):
        expect(page.locator(".question em", has_text=word)).to_be_visible()
    page.locator(".question", has_text="where").get_by_role("link").click()
    expect(page.get_by_role("heading", name="Where it failed")).to_be_visible()


def test_a_time_axis_has_labels_and_none_is_outside(page: Page) -> None:
    page.goto("/insights")
    script = """async ([width, low]) => (await import('/static/js/lib/charts.js'))
        .ticks({bbox: {width: width * devicePixelRatio}}, 0, low, low + 238)"""

    for width, low in itertools.product((90, 240, 900), range(1_000_001, 1_000_301, 7)):
        ticks = page.evaluate(script, [width, low])
        assert ticks
        assert low <= min(ticks) <= max(ticks) <= low + 238


def test_the_labels_of_an_axis_do_not_reach_into_its_unit(page: Page) -> None:
    page.goto("/insights")
    script = """async (label) => {
        const { axisWidth } = await import('/static/js/lib/charts.js');
        const drawing = document.createElement('canvas').getContext('2d');
        drawing.font = '11px system-ui';
        return axisWidth(['0', label]) - 15 - drawing.measureText(label).width;
    }"""

    assert all(page.evaluate(script, label) >= 0 for label in ("1", "2,000", "99,999", "1.5M"))


@pytest.mark.parametrize("settings_of_context", [{"viewport": {"width": 1280, "height": 720}, "timezone_id": "Asia/Kolkata"}])
def test_log_lines_and_cards_of_classic_monitoring_have_the_same_clock(page: Page, client: ShopClient) -> None:
    client.place_order(item_id=1, headers={"baggage": "shop.chaos=stock-put-missing-key"})
    page.goto("/old-way")
    page.get_by_role("searchbox").fill("cannot be handled")
    line, why = page.locator(".logs.raw li", has_text="cannot be handled").first, page.locator(".question", has_text="why")
    expect(why).to_contain_text("the order cannot be handled")
    expect(line).to_be_visible()

    (clock,) = re.findall(r"\d\d:\d\d:\d\d", why.inner_text())
    assert clock in page.locator(".logs.raw").inner_text()


def test_other_failed_requests_are_not_called_an_order(page: Page) -> None:
    poll = {"traceId": "1" * 32, "name": "DynamoDB.GetItem", "orderId": None}
    alert = {"rule": "errors-by-exception-type", "title": "Exceptions", "state": "firing", "traceIds": ["1" * 32]}
    page.route("**/api/traces?error=true**", lambda route: route.fulfill(json={"traces": [poll]}))
    page.route("**/api/alerts", lambda route: route.fulfill(json={"alerts": [alert]}))
    page.goto("/old-way")

    expect(page.locator(".question", has_text="why")).to_contain_text("No order has failed in the last 5 minutes")
    expect(page.locator(".question", has_text="where").get_by_role("link")).to_have_attribute("href", "/board")


def test_an_unknown_number_of_partitions_and_an_unknown_time_are_called_so(page: Page) -> None:
    line = {"time": None, "severity": "INFO", "service": "orders", "body": "hello"}
    page.route("**/api/old-way**", lambda route: route.fulfill(json={"kafka": {"partitions": None}, "lines": [line]}))
    page.goto("/old-way")
    expect(page.locator(".logs.raw")).to_contain_text("no time  INFO  orders  hello")
    figure = page.locator(".tile", has_text="Kafka total partitions").locator("dd")

    expect(figure).to_have_text("unknown stock-updater does not report them")
    expect(figure.locator(".note")).to_have_css("font-weight", "400")


def test_classic_monitoring_counts_each_partition_once(page: Page) -> None:
    page.goto("/old-way")

    expect(page.locator(".tile", has_text="Kafka total partitions").locator("dd")).to_have_text("4")


def test_nothing_stays_red_after_a_reset(page: Page, client: ShopClient) -> None:
    client.place_order(item_id=2, headers={"baggage": "shop.chaos=stock-put-missing-key"})
    client.flush()
    page.goto("/insights")
    expect(page.locator(".tile.bad").first).to_be_visible()

    reset(client)

    expect(page.locator(".tile.bad, table.alerts tr.failed")).to_have_count(0)
    expect(page.locator('[data-recent="errors"]')).to_have_text("0")
