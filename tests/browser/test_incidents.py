import re

import pytest
from playwright.sync_api import Page, expect

from vshop.incidents.loader import load_catalogue
from vshop.shop.client import ShopClient

CATALOGUE = load_catalogue()


def test_every_incident_is_listed_with_its_story(page: Page) -> None:
    page.goto("/board")

    expect(page.locator("article.incident")).to_have_count(len(CATALOGUE))
    for incident in CATALOGUE.values():
        expect(page.locator(f"#{incident.id}")).to_contain_text(" ".join(incident.story.split()))
    expect(page.locator(".incidents")).not_to_contain_text("false")


def test_a_switch_has_probability_duration_and_acknowledgements(page: Page, client: ShopClient) -> None:
    page.goto("/board")
    card = page.locator("#auth-token-expired")
    card.get_by_role("button", name="Details").click()
    card.get_by_label("Requests affected (%)").fill("50")
    card.get_by_label("Duration").select_option("30 s")
    card.get_by_role("switch").click()

    now = page.locator(".now")
    expect(now).to_contain_text("for 50 % of the requests")
    expect(now).to_contain_text("until")
    expect(now).to_contain_text("acknowledged by")
    expect(card.locator(".state")).to_contain_text("✓ On acknowledged by auth-stub")
    assert client.switched_on() == ["auth-token-expired"]

    page.get_by_role("button", name="Switch all off").click()
    expect(now).to_contain_text("No incident is on")
    assert client.switched_on() == []


def test_an_order_without_a_login_is_left_to_the_command_line(page: Page) -> None:
    page.goto("/board")
    card = page.locator("#auth-token-missing")
    card.get_by_role("button", name="Details").click()

    expect(card.get_by_role("link", name="Prepare the triggering order")).to_have_count(0)
    expect(card.locator(".more code").first).to_have_text("vshop order --item 1 --no-token")


@pytest.mark.parametrize("share", ["0", "", "250"])
def test_a_share_outside_1_to_100_percent_is_refused_at_the_control(page: Page, client: ShopClient, share: str) -> None:
    page.goto("/board")
    card = page.locator("#auth-token-expired")
    card.get_by_role("button", name="Details").click()
    card.get_by_label("Requests affected (%)").fill(share)
    card.get_by_role("switch").click()

    expect(card.locator(".state")).to_contain_text("enter a share of the requests from 1 to 100 %")
    assert client.switched_on() == []


def test_the_incidents_can_be_filtered_and_fit_a_screen(page: Page) -> None:
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto("/board")
    expect(page.locator("article.incident")).to_have_count(len(CATALOGUE))
    assert page.evaluate("document.documentElement.scrollHeight") <= 1080

    page.get_by_role("searchbox", name="Filter").fill("partition key")

    expect(page.locator("article.incident:visible")).to_have_count(1)
    expect(page.locator("#stock-put-missing-key")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_every_text_of_an_incident_fits_its_place(page: Page, client: ShopClient, width: int) -> None:
    client.switch_on("auth-token-expired")
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/board")
    expect(page.locator("main > .page > .note")).to_contain_text("A twin looks like a fault, but nothing is wrong.")
    page.locator("#auth-token-missing").get_by_role("button", name="Details").click()

    for name in (page.locator(".now code"), page.locator("#auth-token-missing .more code").first):
        assert name.evaluate("(element) => element.getClientRects().length") == 1, name.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_change_by_another_client_is_shown(page: Page, client: ShopClient) -> None:
    page.goto("/board")
    client.switch_on("stock-slow-write")

    expect(page.locator("#stock-slow-write").get_by_role("switch")).to_have_attribute("aria-checked", "true")
    expect(page.locator("#state")).to_contain_text("1 incident on")


def test_a_telemetry_fault_is_switched_on_and_off(page: Page, client: ShopClient) -> None:
    page.goto("/board")
    page.get_by_text("Telemetry faults").click()
    switch = page.get_by_role("switch", name="Switch missing-root")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    assert [one["id"] for one in client.telemetry_faults_on()] == ["missing-root"]

    switch.click()

    expect(switch).to_have_attribute("aria-checked", "false")
    assert client.telemetry_faults_on() == []


@pytest.fixture
def blind(page: Page, client: ShopClient) -> str:
    page.goto("/exercise")
    page.get_by_role("button", name="Start exercise").click()
    expect(page.get_by_role("heading", name="Users complain")).to_be_visible()
    (on,) = client.switched_on()
    return on


def test_no_request_of_the_browser_reveals_the_incident(page: Page, blind: str, tolerated: list[str]) -> None:
    tolerated.append("409")
    answers = page.evaluate(
        """async (paths) => Object.fromEntries(
            await Promise.all(paths.map(async (path) => [path, await (await fetch(path)).text()]))
        )""",
        ["/api/exercise", "/api/incidents", "/chaos", f"/chaos/{blind}", "/journal"],
    )

    incident = CATALOGUE[blind]
    for path, text in answers.items():
        assert blind not in text.replace(f"/chaos/{blind}", ""), path
        assert incident.title not in text, path
    assert blind not in page.content()


def test_an_answer_is_scored_by_field_and_a_correct_one_ends_the_exercise(page: Page, blind: str, client: ShopClient) -> None:
    answer = CATALOGUE[blind].answer
    if answer is None:
        page.get_by_role("button", name="Nothing is wrong").click()
    else:
        page.get_by_label("Service").select_option(answer.service)
        page.get_by_role("button", name="Submit answer").click()
        expect(page.locator(".attempts")).to_contain_text("✓ service")
        page.get_by_label("Service").select_option(answer.service)
        page.get_by_label("Part", exact=True).select_option(answer.component)
        page.get_by_label("Error").select_option(answer.error_type)
        page.get_by_role("button", name="Submit answer").click()

    expect(page.get_by_role("heading", name="✓ Correct")).to_be_visible()
    expect(page.locator("main")).to_contain_text(blind)
    assert client.switched_on() == []


@pytest.mark.parametrize("width", [390, 1280])
def test_a_running_exercise_is_shown_beside_the_whole_navigation(page: Page, blind: str, width: int) -> None:
    assert blind
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/board")

    expect(page.locator("#state")).to_have_text("▲ exercise on")
    expect(page.get_by_role("heading")).to_have_text(["Incidents"])
    expect(page.locator(".incidents")).to_have_text("The incidents are hidden during an exercise. Open the exercise")
    tops = [page.locator(f"#{name}").bounding_box() for name in ("state", "theme")]
    assert tops[0] is not None
    assert tops[1] is not None
    assert abs(tops[0]["y"] - tops[1]["y"]) < 20
    if width == 1280:
        assert page.locator("#nav").evaluate("(nav) => nav.scrollWidth - nav.clientWidth") == 0
    page.goto("/exercise")
    expect(page.get_by_text(re.compile(r"Started at \d\d:\d\d:\d\d, level"))).to_be_visible()


def test_an_answer_without_a_value_is_refused(page: Page, blind: str) -> None:
    page.get_by_role("button", name="Submit answer").click()

    expect(page.get_by_text("Select at least one value")).to_be_visible()
    expect(page.locator(".attempts")).to_have_count(0)


def test_hints_are_revealed_one_by_one_and_giving_up_shows_the_solution(page: Page, blind: str) -> None:
    hints = CATALOGUE[blind].workshop.hints
    page.get_by_role("button", name="Next hint").click()
    expect(page.get_by_text(hints[0])).to_be_visible()
    assert all(hint not in page.content() for hint in hints[1:])

    page.get_by_role("button", name="Give up").click()
    expect(page.get_by_role("heading", name="Solution")).to_be_visible()
    expect(page.locator("main")).to_contain_text(blind)
