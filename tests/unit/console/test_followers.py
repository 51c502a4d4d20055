import threading

import pytest

from console.board.followers import BETWEEN_POLLS_S, HUNG_UP_S, Followers


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def followers(clock) -> Followers:
    return Followers(["orders"], threading.Condition(), clock)


def test_an_instance_stays_alive_between_polls(followers, clock) -> None:
    with followers.present("orders/one", 1, lambda: False):
        clock.now += 60
        assert followers.alive() == {"orders/one": 1}
    clock.now += BETWEEN_POLLS_S - 0.1
    assert followers.alive() == {"orders/one": 1}
    clock.now += 0.2
    assert followers.alive() == {}
    assert followers._instances == {}


def test_a_disconnected_instance_soon_counts_as_dead(followers, clock) -> None:
    gone = [False]
    with followers.present("orders/one", 1, lambda: gone[0]):
        gone[0] = True
        assert followers.alive() == {"orders/one": 1}
        clock.now += HUNG_UP_S + 0.1
        assert followers.alive() == {}
    assert followers.alive() == {}


def test_a_reconnected_instance_is_alive(followers, clock) -> None:
    with followers.present("orders/one", 1, lambda: True), followers.present("orders/one", 2, lambda: False):
        followers.alive()
        clock.now += 60
        assert followers.alive() == {"orders/one": 2}
