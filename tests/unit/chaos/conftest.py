from collections.abc import Iterator
from random import Random

import pytest
from openfeature import api

from vshop.kit.chaos.switches import BoardProvider, Chaos


@pytest.fixture
def provider() -> Iterator[BoardProvider]:
    board = BoardProvider(Random(7))  # noqa: S311 - chance, not secrecy
    api.set_provider_and_wait(board)
    yield board
    api.clear_providers()


@pytest.fixture
def chaos(provider: BoardProvider) -> Chaos:
    return Chaos(api.get_client(), provider)
