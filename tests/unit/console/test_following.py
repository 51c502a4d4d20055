"""Followers and the board lose and find each other again."""

import logging

from vshop.kit.chaos import Switch


def test_board_restarts_with_its_journal(serve, follow, eventually, tmp_path) -> None:
    """A board that comes back knows what was on, and the follower takes part again."""
    console = serve(tmp_path / "journal.ndjson")
    provider, follower = follow(console, "orders")
    console.put("orders-lost", json={"probability": 0.5, "items": [1]})
    console.stop()
    assert provider.switches == {"orders-lost": Switch(on=True, probability=0.5, items=(1,))}, "the last word holds"
    console.start()
    assert console.on() == {"orders-lost"}
    assert console.board.snapshot().revision == 1, "revisions go on where they were"
    eventually(lambda: console.board.alive().get(follower.name) == 1)
    assert provider.switches == {"orders-lost": Switch(on=True, probability=0.5, items=(1,))}
    answer = console.delete("orders-lost")
    assert (answer.status_code, answer.json()["revision"], provider.switches) == (200, 2, {})


def test_board_restarts_without_a_journal(console, follow, eventually) -> None:
    """A board that remembers nothing has everything off; the same revision of its former self is not taken for its own."""
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


def test_what_is_on_is_known_from_the_first_request(console, follow) -> None:
    """A service that starts while something is on has it when ``start`` returns."""
    follow(console, "orders")
    console.put("orders-lost")
    provider, _ = follow(console, "orders")
    assert set(provider.switches) == {"orders-lost"}


def test_two_lines_for_a_loss(console, follow, eventually, caplog) -> None:
    """One line says that the board is away, one that it is back, and neither names an incident."""
    caplog.set_level(logging.INFO, "vshop.kit.chaos_follower")
    follow(console, "orders", patience_s=0.0)
    console.put("orders-lost")
    console.stop()
    eventually(lambda: "is away" in caplog.text)
    console.start()
    eventually(lambda: "is back" in caplog.text)
    said = [record.getMessage() for record in caplog.records if record.name == "vshop.kit.chaos_follower"]
    assert len(said) == 2
    assert "orders-lost" not in caplog.text


def test_more_followers_than_may_be_held(serve, follow) -> None:
    """Polls beyond the limit are answered at once, so that there is always a thread for who turns a switch."""
    console = serve(held_polls=1)
    _, one = follow(console, "orders")
    _, other = follow(console, "orders")
    answer = console.put("orders-lost")
    assert (answer.status_code, answer.json()["acknowledgedBy"]) == (200, sorted([one.name, other.name]))
