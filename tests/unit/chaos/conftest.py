"""Chaos sites in this process, and a stand-in for the board."""

import threading
import time
from collections.abc import Callable, Iterator
from random import Random

import pytest
from openfeature import api

from vshop.kit.chaos import BoardProvider, Chaos

Eventually = Callable[[Callable[[], object]], None]


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds, 10 s at most."""

    def wait(condition: Callable[[], object]) -> None:
        deadline, pause = time.monotonic() + 10, threading.Event()
        while not condition():
            assert time.monotonic() < deadline, "the condition never held"
            pause.wait(0.005)

    return wait


@pytest.fixture
def provider() -> Iterator[BoardProvider]:
    """The board's provider, as OpenFeature's in this process, with a seed."""
    board = BoardProvider(Random(7))  # noqa: S311 - chance, not secrecy
    api.set_provider_and_wait(board)
    yield board
    api.clear_providers()


@pytest.fixture
def chaos(provider: BoardProvider) -> Chaos:
    """What a chaos site asks."""
    return Chaos(api.get_client(), provider)
