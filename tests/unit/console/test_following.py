import logging

from vshop.kit.chaos.switches import Switch


def test_board_restarts_with_its_journal(serve, follow, eventually, tmp_path) -> None:
    console = serve(tmp_path / "journal.ndjson")
    provider, follower = follow(console, "orders")
    console.put("orders-lost", json={"probability": 0.5, "items": [1]})
    console.stop()
    assert provider.switches == {"orders-lost": Switch(on=True, probability=0.5, items=(1,))}, "the follower keeps the last state"
    console.start()
    assert console.on() == {"orders-lost"}
    assert console.board.snapshot().revision == 1, "revisions continue"
    eventually(lambda: console.board.alive().get(follower.name) == 1)
    assert provider.switches == {"orders-lost": Switch(on=True, probability=0.5, items=(1,))}
    answer = console.delete("orders-lost")
    assert (answer.status_code, answer.json()["revision"], provider.switches) == (200, 2, {})


def test_board_restarts_without_a_journal(console, follow, eventually) -> None:
    """The previous board's revision is not mistaken for the new one's."""
    provider, follower = follow(console, "orders")
    console.put("orders-lost")
    console.stop()
    console.start()
    console.board.turn_off([])
    eventually(lambda: follower.name in console.board.alive())
    answer = console.put("orders-lost", json={"probability": 0.5})
    assert (answer.status_code, answer.json()["revision"]) == (200, 1)
    assert provider.switches == {"orders-lost": Switch(on=True, probability=0.5)}
    console.delete()
    assert provider.switches == {}


def test_a_starting_service_knows_the_switches_at_once(console, follow) -> None:
    follow(console, "orders")
    console.put("orders-lost")
    provider, _ = follow(console, "orders")
    assert set(provider.switches) == {"orders-lost"}


def test_a_lost_board_is_two_log_lines(console, follow, eventually, caplog) -> None:
    caplog.set_level(logging.INFO, "vshop.kit.chaos.follower")
    follow(console, "orders", patience_s=0.0)
    console.put("orders-lost")
    console.stop()
    eventually(lambda: "is away" in caplog.text)
    console.start()
    eventually(lambda: "is back" in caplog.text)
    said = [record.getMessage() for record in caplog.records if record.name == "vshop.kit.chaos.follower"]
    assert len(said) == 2
    assert "orders-lost" not in caplog.text


def test_more_followers_than_waiting_polls(serve, follow) -> None:
    """Further polls return at once, so that threads remain for changes."""
    console = serve(held_polls=1)
    _, one = follow(console, "orders")
    _, other = follow(console, "orders")
    answer = console.put("orders-lost")
    assert (answer.status_code, answer.json()["acknowledgedBy"]) == (200, sorted([one.name, other.name]))
