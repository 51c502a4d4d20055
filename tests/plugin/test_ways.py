import os
import subprocess
import sys

import pytest

from vshop.fixture import Wanted, WrongOptionError, open_shop
from vshop.fixture.process import addresses, shared
from vshop.kit.settings import SettingsError
from vshop.runtime import compose
from vshop.runtime.model.errors import ComposeError
from vshop.shop.addresses import Addresses

WHERE = {"orders": "http://127.0.0.1:18080"}


@pytest.fixture
def docker(monkeypatch):
    calls, running = [], []
    monkeypatch.setattr(compose, "up", lambda _timeout_s: calls.append(("up", os.environ.get("SHOP_FORWARD"))))
    monkeypatch.setattr(compose, "down", lambda *, volumes: calls.append(("down", volumes)))
    monkeypatch.setattr(compose, "addresses", lambda: WHERE)
    monkeypatch.setattr(compose, "containers", lambda: running)
    return calls, running


def test_containers_are_started_with_the_settings_and_stopped(docker):
    calls, _ = docker
    with open_shop(Wanted(mode="compose", otlp_endpoint="http://127.0.0.1:4319")) as process:
        assert process.addresses == Addresses(**WHERE)
        assert process.exclusive

    assert calls == [("up", "http://host.docker.internal:4319"), ("down", True)]
    assert "SHOP_FORWARD" not in os.environ


def test_running_containers_are_not_stopped(docker):
    calls, running = docker
    running.append("orders")
    with open_shop(Wanted(mode="compose")) as process:
        assert not process.exclusive

    assert calls == [("up", None)]


def test_failed_start_stops_its_containers(docker, monkeypatch):
    calls, running = docker

    def fail(_timeout_s):
        raise ComposeError("orders is not healthy")

    monkeypatch.setattr(compose, "up", fail)
    for there in ([], ["orders"]):
        running[:] = there
        with pytest.raises(ComposeError, match="not healthy"), open_shop(Wanted(mode="compose")):
            pass

    assert calls == [("down", True)]


def test_setting_that_containers_do_not_get_is_rejected(docker):
    wanted = Wanted(mode="compose", env={"SHOP_WRITE_ATTEMPTS": "1", "SHOP_KAFKA_TRACE": "link"})

    with pytest.raises(WrongOptionError, match=r"not given SHOP_WRITE_ATTEMPTS: .* SHOP_KAFKA_TRACE, "), open_shop(wanted):
        pass
    assert docker[0] == []


def test_containers_are_shared_by_workers(docker, tmp_path):
    calls, _ = docker
    with open_shop(Wanted(mode="compose", shared=str(tmp_path))) as process:
        assert not process.exclusive

    assert calls == [("up", None), ("down", True)]


OTHER = """
import pathlib, sys
from vshop.fixture.process import shared

folder = pathlib.Path(sys.argv[1])
with shared(folder, (folder / "started.other").touch, lambda _: (folder / "stopped").touch()):
    print("here", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("killed", [False, True])
def test_last_user_stops_the_shared_resource(tmp_path, killed):
    command = [sys.executable, "-c", OTHER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "here\n"
        with shared(tmp_path, (tmp_path / "started.own").touch, lambda _: (tmp_path / "stopped").touch()):
            if killed:
                other.kill()
            else:
                other.stdin.write("\n")
                other.stdin.flush()
            other.wait(20)
            assert not (tmp_path / "stopped").exists()

    assert {file.name for file in tmp_path.iterdir() if "st" in file.name} == {"started.other", "started.own", "stopped"}


def test_addresses_combine_a_host_and_parts():
    found = addresses(["http://shop.lan", "console=http://other:1234/"])

    assert (found.orders, found.traces, found.console) == ("http://shop.lan:8080", "http://shop.lan:16686", "http://other:1234")


def test_invalid_options_are_rejected_before_the_start():
    with pytest.raises(SettingsError, match="SHOP_KAFKA_TRACE"), open_shop(Wanted(env={"SHOP_KAFKA_TRACE": "sideways"})):
        pass
    with pytest.raises(WrongOptionError, match="not one of embedded, compose"):
        Wanted(mode="cloud")
