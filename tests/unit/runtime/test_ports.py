"""Which port each part gets."""

import pytest

from vshop.kit.settings import Settings
from vshop.runtime import ports
from vshop.runtime.errors import PortInUseError, UnknownNameError
from vshop.runtime.options import Options
from vshop.runtime.parts import PARTS, chosen


def test_defaults() -> None:
    """The defaults are those of the settings."""
    settings = Settings()
    for part in PARTS:
        if part.reads_settings:
            assert {name: getattr(settings, f"{name}_port") for name in part.ports} == part.ports


def test_precedence() -> None:
    """What is named wins over the environment and that over the default."""
    given = ports.assign(
        Options(ports={"auth-stub": 1111}), list(PARTS), {"SHOP_AUTH_PORT": "2222", "SHOP_ORDERS_PORT": "3333", "SHOP_HOST": "x"}
    )
    assert (given["auth"], given["orders"], given["stock"]) == (1111, 3333, 8082)


def test_free_ports() -> None:
    """Free ports are free and differ from those chosen before."""
    first = ports.assign(Options(free_ports=True, ports={"orders": 1111}), list(PARTS), {"SHOP_AUTH_PORT": "2222"})
    second = ports.assign(Options(free_ports=True), list(PARTS), {})
    assert first["orders"] == 1111
    assert 2222 not in first.values()
    assert not set(first.values()) & set(second.values())
    assert len(set(second.values())) == len(second)
    assert not any(map(ports.in_use, second.values()))


def test_unknown_port() -> None:
    """An unknown port is answered with the nearest."""
    with pytest.raises(UnknownNameError, match="'orders'"):
        ports.assign(Options(ports={"order": 1}), list(PARTS), {})


def test_unknown_part() -> None:
    """An unknown part is answered with the nearest."""
    with pytest.raises(UnknownNameError, match="'stock-updater'"):
        chosen(["stock-updatr"])


def test_one_number_twice() -> None:
    """One number for two parts is refused."""
    parts = chosen(["orders", "auth-stub"])
    number = ports.free(1)[0]
    with pytest.raises(PortInUseError, match="also asked for by auth-stub"):
        ports.check(parts, {"orders": number, "auth": number})
