"""A change is done when every service concerned has taken it over."""

import threading
import time

from vshop.kit.chaos import Switch


def test_on_is_acknowledged(console, follow) -> None:
    """The answer comes when the service has the switch, and says which instance has."""
    provider, follower = follow(console, "orders")
    answer = console.put("orders-lost")
    assert provider.switches == {"orders-lost": Switch(on=True)}
    assert answer.status_code == 200
    told = answer.json()
    assert (told["on"], told["revision"], told["acknowledgedBy"]) == (True, 1, [follower.name])
    assert told["ackMs"] < 500
    assert console.ask("GET", "/chaos/orders-lost").json() == {name: told[name] for name in told if name != "ackMs"}


def test_off_is_acknowledged(console, follow) -> None:
    """Once off is answered, the service has nothing on."""
    provider, follower = follow(console, "orders")
    console.put("orders-lost")
    answer = console.delete("orders-lost")
    assert provider.switches == {}
    assert (answer.status_code, answer.json()["on"], answer.json()["acknowledgedBy"]) == (200, False, [follower.name])
    again = console.delete("orders-lost")
    assert (again.status_code, again.json()["revision"]) == (200, 2), "nothing changed, so no new revision"


def test_options_arrive(console, follow) -> None:
    """Probability, items and time are evaluated where the site is, so they must arrive there."""
    provider, _ = follow(console, "orders")
    before = time.time()
    told = console.put("orders-lost", json={"probability": 0.5, "items": [2, 1], "for": "60s"}).json()
    switch = provider.switches["orders-lost"]
    assert (switch.probability, switch.items) == (0.5, (1, 2))
    assert before + 60 <= switch.until <= time.time() + 60
    assert (told["probability"], told["items"]) == (0.5, [1, 2])
    assert told["until"] > told["since"]


def test_every_service_concerned_acknowledges(console, follow) -> None:
    """A switch of two services waits for both, and for nobody else."""
    orders, one = follow(console, "orders")
    stock, other = follow(console, "stock-updater")
    console.deaf("auth-stub/deaf")
    assert console.put("both-sides").json()["acknowledgedBy"] == sorted([one.name, other.name])
    assert set(orders.switches) == set(stock.switches) == {"both-sides"}


def test_every_instance_acknowledges(console, follow) -> None:
    """Two instances of one service must both have it."""
    first, one = follow(console, "orders")
    second, other = follow(console, "orders")
    assert console.put("orders-lost").json()["acknowledgedBy"] == sorted([one.name, other.name])
    assert first.switches == second.switches == {"orders-lost": Switch(on=True)}


def test_silent_instance(impatient, follow) -> None:
    """One instance that does not take it over: 504 names it, and the switch is off again for the others, too."""
    provider, follower = follow(impatient, "orders")
    impatient.deaf("orders/deaf")
    answer = impatient.put("orders-lost")
    problem = answer.json()
    assert (answer.status_code, problem["silent"], problem["acknowledgedBy"]) == (504, {"orders": ["orders/deaf"]}, [follower.name])
    assert "orders/deaf" in problem["detail"]
    assert provider.switches == {}
    assert impatient.on() == set()


def test_service_that_does_not_run(impatient, follow) -> None:
    """A service of which nobody follows: 504 names it."""
    provider, _ = follow(impatient, "orders")
    answer = impatient.put("both-sides")
    assert (answer.status_code, answer.json()["silent"]) == (504, {"stock-updater": []})
    assert "no instance" in answer.json()["detail"]
    assert provider.switches == {}


def test_rollback_restores_what_was(impatient, follow) -> None:
    """A change that is not acknowledged leaves the switch as it was before, not off."""
    provider, _ = follow(impatient, "orders")
    impatient.put("orders-lost", json={"probability": 0.25})
    impatient.deaf("orders/deaf")
    assert impatient.put("orders-lost").status_code == 504
    assert provider.switches == {"orders-lost": Switch(on=True, probability=0.25)}
    assert impatient.ask("GET", "/chaos/orders-lost").json()["probability"] == 0.25


def test_off_with_a_silent_instance(impatient, follow) -> None:
    """Off stays off, though it is said who may not know."""
    provider, _ = follow(impatient, "orders")
    impatient.put("orders-lost")
    impatient.deaf("orders/deaf")
    answer = impatient.delete("orders-lost")
    assert (answer.status_code, answer.json()["silent"]) == (504, {"orders": ["orders/deaf"]})
    assert provider.switches == {}
    assert impatient.on() == set()


def test_service_that_comes_late(console, follow) -> None:
    """A service that is just starting is waited for."""
    answers = []
    asking = threading.Thread(target=lambda: answers.append(console.put("orders-lost")))
    asking.start()
    _, follower = follow(console, "orders")
    asking.join(10)
    assert (answers[0].status_code, answers[0].json()["acknowledgedBy"]) == (200, [follower.name])


def test_instance_that_went_away(console, follow) -> None:
    """An instance that hung up is soon forgotten: neither on nor off waits for it in vain."""
    _, gone = follow(console, "orders")
    _, stays = follow(console, "orders")
    gone.stop()
    assert console.put("orders-lost").json()["acknowledgedBy"] == [stays.name]
    stays.stop()
    answer = console.delete("orders-lost")
    assert (answer.status_code, answer.json()["acknowledgedBy"]) == (200, []), "nobody runs in whom it could still be on"


def test_off_by_put(console, follow) -> None:
    """``{"on": false}`` is off."""
    follow(console, "orders")
    console.put("orders-lost")
    assert console.put("orders-lost", json={"on": False}).json()["on"] is False
    assert console.on() == set()


def test_reset(console, follow) -> None:
    """All off is one change, which everyone concerned acknowledges."""
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


def test_list(console, follow) -> None:
    """The list shows every switch, and who follows at which revision."""
    _, follower = follow(console, "orders")
    told = console.ask("GET", "/chaos").json()
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
