"""The incidents' page and the blind exercise."""

import pytest
from playwright.sync_api import Page, expect

from vshop.client import ShopClient
from vshop.incidents.loader import load_catalogue

CATALOGUE = load_catalogue()


def test_every_incident_is_listed_with_its_story(page: Page) -> None:
    page.goto("/board")

    expect(page.locator("article.incident")).to_have_count(len(CATALOGUE))
    for incident in CATALOGUE.values():
        expect(page.locator(f"#{incident.id}")).to_contain_text(" ".join(incident.story.split()))


def test_a_switch_takes_its_probability_and_duration_and_shows_who_has_it(page: Page, client: ShopClient) -> None:
    page.goto("/board")
    card = page.locator("#auth-token-expired")
    card.get_by_label("Of the requests, %").fill("50")
    card.get_by_label("For how long").select_option("30 s")
    card.get_by_role("switch").click()

    now = page.locator(".now")
    expect(now).to_contain_text("for 50 % of the requests")
    expect(now).to_contain_text("until")
    expect(now).to_contain_text("acknowledged by")
    assert client.switched_on() == ["auth-token-expired"]

    page.get_by_role("button", name="Switch all off").click()
    expect(now).to_contain_text("Nothing is on")
    assert client.switched_on() == []


def test_what_somebody_else_switches_is_seen(page: Page, client: ShopClient) -> None:
    page.goto("/board")
    client.switch_on("stock-slow-write")

    expect(page.locator("#stock-slow-write").get_by_role("switch")).to_have_attribute("aria-checked", "true")
    expect(page.locator("#state")).to_contain_text("1 on")


@pytest.fixture
def blind(page: Page, client: ShopClient) -> str:
    """Begin an exercise; return what is on, which only the board's operator may know."""
    page.goto("/exercise")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("heading", name="Users complain")).to_be_visible()
    (on,) = client.switched_on()
    return on


def test_an_exercise_does_not_tell_the_browser_what_is_on(page: Page, blind: str, tolerated: list[str]) -> None:
    """Neither by the page's own requests nor by the board's, which is closed to browsers meanwhile."""
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


def test_a_wrong_answer_is_told_field_by_field_and_a_right_one_ends_it(page: Page, blind: str, client: ShopClient) -> None:
    answer = CATALOGUE[blind].answer
    if answer is None:
        page.get_by_role("button", name="Nothing is wrong").click()
    else:
        page.get_by_label("Service").select_option(answer.service)
        page.get_by_role("button", name="That is it").click()
        expect(page.locator(".attempts")).to_contain_text("✓ service")
        page.get_by_label("Service").select_option(answer.service)
        page.get_by_label("Part").select_option(answer.component)
        page.get_by_label("Error").select_option(answer.error_type)
        page.get_by_role("button", name="That is it").click()

    expect(page.get_by_role("heading", name="✓ Right")).to_be_visible()
    expect(page.locator("main")).to_contain_text(blind)
    assert client.switched_on() == []


def test_hints_come_one_by_one_and_giving_up_tells(page: Page, blind: str) -> None:
    hints = CATALOGUE[blind].workshop.hints
    page.get_by_role("button", name="Next hint").click()
    expect(page.get_by_text(hints[0])).to_be_visible()
    assert all(hint not in page.content() for hint in hints[1:])

    page.get_by_role("button", name="Give up").click()
    expect(page.get_by_role("heading", name="It was")).to_be_visible()
    expect(page.locator("main")).to_contain_text(blind)
