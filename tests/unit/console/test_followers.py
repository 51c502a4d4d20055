"""How long an instance counts as alive."""

import threading

import pytest

from console.followers import BETWEEN_POLLS_S, HUNG_UP_S, Followers


class Clock:
    """A clock that is set."""

    now = 100.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def followers(clock) -> Followers:
    """Nobody yet."""
    return Followers(["orders"], threading.Condition(), clock)


def test_between_polls(followers, clock) -> None:
    """An instance is alive while it polls, and for a while after; then it is forgotten."""
    with followers.present("orders/one", 1, lambda: False):
        clock.now += 60
        assert followers.alive() == {"orders/one": 1}
    clock.now += BETWEEN_POLLS_S - 0.1
    assert followers.alive() == {"orders/one": 1}
    clock.now += 0.2
    assert followers.alive() == {}
    assert followers._instances == {}


def test_hung_up(followers, clock) -> None:
    """One whose connection is gone has only as long as dialling again takes."""
    gone = [False]
    with followers.present("orders/one", 1, lambda: gone[0]):
        gone[0] = True
        assert followers.alive() == {"orders/one": 1}
        clock.now += HUNG_UP_S + 0.1
        assert followers.alive() == {}
    assert followers.alive() == {}


def test_dialled_again(followers, clock) -> None:
    """One that has dialled again is alive, whatever becomes of its former connection."""
    with followers.present("orders/one", 1, lambda: True), followers.present("orders/one", 2, lambda: False):
        followers.alive()
        clock.now += 60
        assert followers.alive() == {"orders/one": 2}
