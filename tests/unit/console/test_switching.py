import threading
import time

import pytest

from vshop.kit.chaos.switches import Switch


def test_on_is_acknowledged(console, follow) -> None:
    provider, follower = follow(console, "orders")
    answer = console.put("orders-lost")
    assert provider.switches == {"orders-lost": Switch(on=True)}
    assert answer.status_code == 200
    told = answer.json()
    assert (told["on"], told["revision"], told["acknowledgedBy"]) == (True, 1, [follower.name])
    assert console.request("GET", "/chaos/orders-lost").json() == {name: told[name] for name in told if name != "ackMs"}


@pytest.mark.timing
def test_on_is_acknowledged_within_half_a_second(console, follow, budget) -> None:
    follow(console, "orders")

    took_ms = console.put("orders-lost").json()["ackMs"]

    assert took_ms < budget(0.5) * 1000


def test_off_is_acknowledged(console, follow) -> None:
    provider, follower = follow(console, "orders")
    console.put("orders-lost")
    answer = console.delete("orders-lost")
    assert provider.switches == {}
    assert (answer.status_code, answer.json()["on"], answer.json()["acknowledgedBy"]) == (200, False, [follower.name])
    again = console.delete("orders-lost")
    assert (again.status_code, again.json()["revision"]) == (200, 2), "nothing changed, so no new revision"


def test_options_reach_the_service(console, follow) -> None:
    provider, _ = follow(console, "orders")
    before = time.time()
    told = console.put("orders-lost", json={"probability": 0.5, "items": [2, 1], "for": "60s"}).json()
    switch = provider.switches["orders-lost"]
    assert (switch.probability, switch.items) == (0.5, (1, 2))
    assert before + 60 <= switch.until <= time.time() + 60
    assert (told["probability"], told["items"]) == (0.5, [1, 2])
    assert told["until"] > told["since"]


def test_only_affected_services_acknowledge(console, follow) -> None:
    orders, one = follow(console, "orders")
    stock, other = follow(console, "stock-updater")
    console.add_silent_follower("auth-stub/deaf")
    assert console.put("both-sides").json()["acknowledgedBy"] == sorted([one.name, other.name])
    assert set(orders.switches) == set(stock.switches) == {"both-sides"}


def test_every_instance_acknowledges(console, follow) -> None:
    first, one = follow(console, "orders")
    second, other = follow(console, "orders")
    assert console.put("orders-lost").json()["acknowledgedBy"] == sorted([one.name, other.name])
    assert first.switches == second.switches == {"orders-lost": Switch(on=True)}


def test_a_silent_instance_causes_504_and_a_rollback(impatient, follow) -> None:
    provider, follower = follow(impatient, "orders")
    impatient.add_silent_follower("orders/deaf")
    answer = impatient.put("orders-lost")
    problem = answer.json()
    assert (answer.status_code, problem["silent"], problem["acknowledgedBy"]) == (504, {"orders": ["orders/deaf"]}, [follower.name])
    assert "orders/deaf" in problem["detail"]
    assert provider.switches == {}
    assert impatient.on() == set()


def test_service_that_is_not_running(impatient, follow) -> None:
    provider, _ = follow(impatient, "orders")
    answer = impatient.put("both-sides")
    assert (answer.status_code, answer.json()["silent"]) == (504, {"stock-updater": []})
    assert "no instance" in answer.json()["detail"]
    assert provider.switches == {}


def test_rollback_restores_the_previous_switch(impatient, follow) -> None:
    provider, _ = follow(impatient, "orders")
    impatient.put("orders-lost", json={"probability": 0.25})
    impatient.add_silent_follower("orders/deaf")
    assert impatient.put("orders-lost").status_code == 504
    assert provider.switches == {"orders-lost": Switch(on=True, probability=0.25)}
    assert impatient.request("GET", "/chaos/orders-lost").json()["probability"] == 0.25


def test_off_is_kept_despite_a_silent_instance(impatient, follow) -> None:
    provider, _ = follow(impatient, "orders")
    impatient.put("orders-lost")
    impatient.add_silent_follower("orders/deaf")
    answer = impatient.delete("orders-lost")
    assert (answer.status_code, answer.json()["silent"]) == (504, {"orders": ["orders/deaf"]})
    assert provider.switches == {}
    assert impatient.on() == set()


def test_service_that_starts_late(console, follow) -> None:
    answers = []
    asking = threading.Thread(target=lambda: answers.append(console.put("orders-lost")))
    asking.start()
    _, follower = follow(console, "orders")
    asking.join(10)
    assert (answers[0].status_code, answers[0].json()["acknowledgedBy"]) == (200, [follower.name])


def test_no_change_waits_for_a_disconnected_instance(console, follow) -> None:
    _, gone = follow(console, "orders")
    _, stays = follow(console, "orders")
    gone.stop()
    assert console.put("orders-lost").json()["acknowledgedBy"] == [stays.name]
    stays.stop()
    answer = console.delete("orders-lost")
    assert (answer.status_code, answer.json()["acknowledgedBy"]) == (200, []), "no running instance has it on"


def test_off_by_put(console, follow) -> None:
    follow(console, "orders")
    console.put("orders-lost")
    assert console.put("orders-lost", json={"on": False}).json()["on"] is False
    assert console.on() == set()


def test_switching_all_off_is_one_change(console, follow) -> None:
    orders, one = follow(console, "orders")
    auth, other = follow(console, "auth-stub")
    console.put("orders-lost")
    console.put("auth-late")
    assert console.on() == {"auth-late", "orders-lost"}
    answer = console.delete()
    assert answer.status_code == 200
    told = answer.json()
    assert (told["revision"], told["off"], told["acknowledgedBy"]) == (
        3,
        ["auth-late", "orders-lost"],
        sorted([one.name, other.name]),
    )
    assert (orders.switches, auth.switches, console.on()) == ({}, {}, set())


def test_list_of_switches_and_followers(console, follow) -> None:
    _, follower = follow(console, "orders")
    told = console.request("GET", "/chaos").json()
    assert [switch["id"] for switch in told["switches"]] == ["auth-late", "both-sides", "orders-lost"]
    assert (told["revision"], told["followers"]) == (0, {follower.name: 0})
    assert told["switches"][2] == {
        "id": "orders-lost",
        "title": "Orders get lost",
        "on": False,
        "probability": 1.0,
        "items": [],
        "until": None,
        "since": None,
        "revision": 0,
        "acknowledgedBy": [follower.name],
        "services": ["orders"],
        "scope": ["global", "request"],
    }
