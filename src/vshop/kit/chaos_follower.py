"""Follows the chaos board (being written): until then nothing is ever on."""

from openfeature import api

from vshop.kit.chaos import BoardProvider, Chaos
from vshop.kit.settings import Settings


class Follower:
    """Follows the board."""

    def stop(self) -> None:
        """Stop following."""


def follow(settings: Settings, service: str) -> tuple[Chaos, Follower]:  # noqa: ARG001
    """Return what the service asks, and what keeps it up to date."""
    provider = BoardProvider()
    api.set_provider(provider)
    return Chaos(api.get_client(), provider), Follower()
