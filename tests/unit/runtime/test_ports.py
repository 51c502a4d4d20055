import os
import socket

import pytest

from vshop.kit.settings import Settings
from vshop.runtime.model import ports
from vshop.runtime.model.errors import PortInUseError, UnknownNameError
from vshop.runtime.model.options import Options
from vshop.runtime.model.parts import PARTS, select


def test_defaults_are_those_of_the_settings() -> None:
    settings = Settings()
    for part in PARTS:
        if part.reads_settings:
            assert {name: getattr(settings, f"{name}_port") for name in part.ports} == part.ports


def test_explicit_port_overrides_environment_overrides_default() -> None:
    given = ports.assign(
        Options(ports={"auth-stub": 1111}), list(PARTS), {"SHOP_AUTH_PORT": "2222", "SHOP_ORDERS_PORT": "3333", "SHOP_HOST": "x"}
    )
    assert (given["auth"], given["orders"], given["stock"]) == (1111, 3333, 8082)


def test_free_ports_are_unused_and_distinct() -> None:
    first = ports.assign(Options(free_ports=True, ports={"orders": 1111}), list(PARTS), {"SHOP_AUTH_PORT": "2222"})
    second = ports.assign(Options(free_ports=True), list(PARTS), {})
    assert first["orders"] == 1111
    assert 2222 not in first.values()
    assert not set(first.values()) & set(second.values())
    assert len(set(second.values())) == len(second)
    assert not any(map(ports.in_use, second.values()))


def test_two_processes_never_choose_the_same_free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports.os, "getpid", lambda: 7)
    monkeypatch.setattr(ports, "_claims", [])
    ours = ports.free(40)
    claimed = ports._claims
    monkeypatch.setattr(ports, "_claims", [])
    theirs = ports.free(40)
    for descriptor in [*claimed, *ports._claims]:
        os.close(descriptor)
    assert not set(ours) & set(theirs)


def test_block_with_a_port_in_use_is_left_to_the_shop_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_claims", [])
    *_, last = ports.free(15)
    os.close(ports._claims.pop())
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", last))
        assert ports.free(1)[0] > last
    os.close(ports._claims.pop())


def test_unknown_port_suggests_the_closest() -> None:
    with pytest.raises(UnknownNameError, match="'orders'"):
        ports.assign(Options(ports={"order": 1}), list(PARTS), {})


def test_unknown_part_suggests_the_closest() -> None:
    with pytest.raises(UnknownNameError, match="'stock-updater'"):
        select(["stock-updatr"])


def test_two_parts_with_the_same_port_are_refused() -> None:
    number = ports.free(1)[0]
    with pytest.raises(PortInUseError, match=r"also assigned to auth-stub\n.*`vshop up --port orders=1\d{4}`"):
        ports.check({"auth": ("auth-stub", number), "orders": ("orders", number)}, "The shop was not started", "vshop up")
