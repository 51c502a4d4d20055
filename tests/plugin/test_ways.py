"""The ways to come by a shop that need none here: containers that a stand-in starts, and users who share something."""

import os
import subprocess
import sys

import pytest

from vshop.addresses import Addresses
from vshop.fixture import Wanted, WrongOptionError, open_shop
from vshop.fixture.sharing import shared
from vshop.fixture.wanted import addresses
from vshop.kit.settings import SettingsError
from vshop.runtime import compose
from vshop.runtime.errors import ComposeError

WHERE = {"orders": "http://127.0.0.1:18080"}


@pytest.fixture
def docker(monkeypatch):
    """A docker that only writes down what it is asked for."""
    asked, running = [], []
    monkeypatch.setattr(compose, "up", lambda _timeout_s: asked.append(("up", os.environ.get("SHOP_FORWARD"))))
    monkeypatch.setattr(compose, "down", lambda *, volumes: asked.append(("down", volumes)))
    monkeypatch.setattr(compose, "addresses", lambda: WHERE)
    monkeypatch.setattr(compose, "containers", lambda: running)
    return asked, running


def test_containers_are_started_with_the_settings_and_stopped(docker):
    """A receiver of this machine is named as containers reach it."""
    asked, _ = docker
    with open_shop(Wanted(mode="compose", otlp_endpoint="http://127.0.0.1:4319")) as process:
        assert process.addresses == Addresses(**WHERE)
        assert process.exclusive

    assert asked == [("up", "http://host.docker.internal:4319"), ("down", True)]
    assert "SHOP_FORWARD" not in os.environ


def test_containers_that_run_already_go_on(docker):
    """They are somebody's."""
    asked, running = docker
    running.append("orders")
    with open_shop(Wanted(mode="compose")) as process:
        assert not process.exclusive

    assert asked == [("up", None)]


def test_a_start_that_fails_leaves_no_container(docker, monkeypatch):
    """Unless they were there before."""
    asked, running = docker

    def fail(_timeout_s):
        raise ComposeError("orders is not healthy")

    monkeypatch.setattr(compose, "up", fail)
    for there in ([], ["orders"]):
        running[:] = there
        with pytest.raises(ComposeError, match="not healthy"), open_shop(Wanted(mode="compose")):
            pass

    assert asked == [("down", True)]


def test_a_setting_that_containers_are_not_given_is_told(docker):
    """It would silently do nothing."""
    wanted = Wanted(mode="compose", env={"SHOP_WRITE_ATTEMPTS": "1", "SHOP_KAFKA_TRACE": "link"})

    with pytest.raises(WrongOptionError, match=r"not given SHOP_WRITE_ATTEMPTS: .* SHOP_KAFKA_TRACE, "), open_shop(wanted):
        pass
    assert docker[0] == []


def test_containers_are_shared_by_workers(docker, tmp_path):
    """They have their ports once."""
    asked, _ = docker
    with open_shop(Wanted(mode="compose", shared=str(tmp_path))) as process:
        assert not process.exclusive

    assert asked == [("up", None), ("down", True)]


OTHER = """
import pathlib, sys
from vshop.fixture.sharing import shared

folder = pathlib.Path(sys.argv[1])
with shared(folder, (folder / "started.other").touch, lambda _: (folder / "stopped").touch()):
    print("here", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("killed", [False, True])
def test_the_last_user_stops_it(tmp_path, killed):
    """Whoever was killed is a user no more."""
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


def test_addresses_are_made_of_a_host_and_of_parts():
    """What is named stands; the rest is on its default port there."""
    found = addresses(["http://shop.lan", "console=http://other:1234/"])

    assert (found.orders, found.traces, found.console) == ("http://shop.lan:8080", "http://shop.lan:16686", "http://other:1234")


def test_contradictions_are_refused_before_anything_starts():
    """A setting that no service knows, a mode that is none."""
    with pytest.raises(SettingsError, match="SHOP_KAFKA_TRACE"), open_shop(Wanted(env={"SHOP_KAFKA_TRACE": "sideways"})):
        pass
    with pytest.raises(WrongOptionError, match="none of embedded, compose"):
        Wanted(mode="cloud")
