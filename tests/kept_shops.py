from collections.abc import Callable
from pathlib import Path

import pytest

from vshop.runtime.local.shop import Shop
from vshop.runtime.model.options import Options
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient, ShopError
from vshop.shop.operations import reset

FIXTURES = frozenset({"shared_shop", "breakable_shop"})


class KeptShops:
    def __init__(self, make_home: Callable[[str], Path]) -> None:
        self._make_home = make_home
        self._running: dict[str, Shop] = {}

    def take(self, name: str) -> Shop:
        """Return a shop in its initial state: a new one, or the one of the previous file after a reset."""
        if name in self._running and not _is_reset(self._running[name]):
            self._running.pop(name).stop()
        if name not in self._running:
            # Making Kafka's start cache in the background would slow down the tests.
            options = Options(free_ports=True, home=str(self._make_home(name)), aot=False, timeout_s=100)
            self._running[name] = Shop.start(options)
        return self._running[name]

    def stop_all_but(self, needed: frozenset[str]) -> None:
        for name in self._running.keys() - needed:
            self._running.pop(name).stop()


def _is_reset(shop: Shop) -> bool:
    """Reset a shop; return False where a failed test has left it broken."""
    if not shop.status()["ready"]:
        return False
    try:
        reset(ShopClient(find(shop.state.home, {})))
    except ShopError:
        return False
    return True


def users(items: list[pytest.Item]) -> dict[Path, frozenset[str]]:
    found: dict[Path, frozenset[str]] = {}
    for item in items:
        found[item.path] = found.get(item.path, frozenset()) | (FIXTURES & set(getattr(item, "fixturenames", ())))
    return found
