"""Starting, finding, mending and stopping a shop."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from vshop.runtime import processes
from vshop.runtime.errors import NotReadyError, NotRunningError, PartDiedError, PortInUseError
from vshop.runtime.options import Options
from vshop.runtime.progress import Event
from vshop.runtime.shop import Shop

Left = Callable[[], list[int]]


def having(options: Options, **behaviour: str) -> Options:
    """Change how stand-ins behave."""
    return msgspec.structs.replace(options, env=options.env | {f"STAND_IN_{name}": value for name, value in behaviour.items()})


def test_status(shop: Shop) -> None:
    """A started shop is ready and says where it is."""
    status = shop.status()
    assert status["ready"]
    assert status["rss_bytes"] > 1_000_000
    assert {name: one["url"] for name, one in status["parts"].items()} == shop.addresses
    assert Path(status["parts"]["orders"]["log"]).read_text().startswith("ORDERS begins")
    assert msgspec.json.decode(msgspec.json.encode(status)) == status


def test_progress(options: Options) -> None:
    """Progress tells of every part."""
    events: list[Event] = []
    shop = Shop.start(options, events.append)
    shop.stop(events.append)
    steps = [event.state for event in events if event.part == "orders"]
    assert steps == ["starting", "ready", "stopping", "stopped"]


def test_stop(options: Options, left: Left) -> None:
    """Stopping leaves nothing."""
    shop = Shop.start(options)
    assert left()
    stopped = shop.stop()
    assert stopped.killed == ()
    assert left() == []
    assert processes.marked(shop.state.run) == []
    assert Shop.running(options.home) is None


def test_stop_twice(options: Options) -> None:
    """Stopping twice is harmless."""
    shop = Shop.start(options)
    shop.stop()
    assert shop.stop().killed == ()


def test_child_that_dies(options: Options, left: Left) -> None:
    """A child that dies fails the start with its code and its last words."""
    with pytest.raises(PartDiedError) as caught:
        Shop.start(having(options, ORDERS="dies"))
    assert caught.value.part == "orders"
    assert "exit code 3" in str(caught.value)
    assert "no stock of patience" in str(caught.value)
    assert left() == []


def test_child_not_ready_in_time(options: Options, left: Left) -> None:
    """A child that is not ready in time fails the start with what its check saw."""
    with pytest.raises(NotReadyError, match="kafka: the queue is shut"):
        Shop.start(msgspec.structs.replace(having(options, ORDERS="never-ready"), timeout_s=3))
    assert left() == []


def test_port_in_use(options: Options, left: Left) -> None:
    """A port in use is named with its part and its holder."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError) as caught:
            Shop.start(msgspec.structs.replace(options, ports={"orders": port}))
    assert f"{port} (orders, for orders) is held by process {os.getpid()}" in str(caught.value)
    assert "vshop up --port orders=" in str(caught.value)
    assert left() == []


def test_start_twice(shop: Shop, options: Options) -> None:
    """Starting twice returns the running shop."""
    again = Shop.start(options)
    assert again.state == shop.state
    found = Shop.running(options.home)
    assert found is not None
    assert found.addresses == shop.addresses


def test_start_mends(shop: Shop, options: Options) -> None:
    """Starting again mends what has died."""
    before = shop.state.processes
    os.killpg(before["orders"].pid, signal.SIGKILL)
    shop._children["orders"].process.wait()
    assert not shop.status()["parts"]["orders"]["alive"]
    mended = Shop.start(options)
    assert mended.status()["ready"]
    assert mended.state.processes["auth-stub"] == before["auth-stub"]
    mended.stop()


def test_restart(shop: Shop) -> None:
    """One part can be restarted."""
    before = dict(shop.state.processes)
    shop.restart("orders")
    assert shop.status()["ready"]
    assert shop.state.processes["orders"] != before["orders"]
    assert shop.state.processes["auth-stub"] == before["auth-stub"]


def test_restart_unknown_part(shop: Shop) -> None:
    """A part that is not there cannot be restarted."""
    with pytest.raises(NotRunningError, match="auth-stub, orders"):
        shop.restart("stock-updater")


def test_stale_state(options: Options) -> None:
    """The state of dead processes is cleared away."""
    first = Shop.start(options)
    for child in first._children.values():
        os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()
    assert Shop.running(options.home) is None
    events: list[Event] = []
    with Shop.start(options, events.append) as second:
        assert second.state.run != first.state.run
    assert any(event.state == "note" and "did not end in order" in event.detail for event in events)
    first.stop()


def test_reused_pid(shop: Shop) -> None:
    """A number used by another process since is not taken for ours."""
    mine = processes.identify(os.getpid())
    assert processes.find(mine)
    assert processes.find(mine._replace(created=mine.created - 60)) is None


def test_child_that_ignores_sigterm(options: Options, left: Left) -> None:
    """A child that ignores SIGTERM is killed and reported."""
    shop = Shop.start(having(options, ORDERS="deaf"))
    events: list[Event] = []
    stopped = shop.stop(events.append, grace_s=0.5)
    assert stopped.killed == ("orders",)
    assert [event.part for event in events if event.state == "killed"] == ["orders"]
    assert left() == []


def test_logs_begin_empty(options: Options) -> None:
    """Each start begins with empty logs."""
    for _ in range(2):
        with Shop.start(options) as shop:
            log = Path(shop.status()["parts"]["orders"]["log"])
    assert log.read_text().count("ORDERS begins") == 1


def test_a_process_that_its_parent_has_not_buried_has_ended():
    """As when the one that stops a shop is not the one that started it: there is nothing to wait for."""
    starter = (
        "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], "
        "start_new_session=True); print(child.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", starter], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        child = processes.identify(int(parent.stdout.readline()))
        began = time.monotonic()
        stubborn = processes.end([child], 10.0)
        seconds = time.monotonic() - began

    assert stubborn == []
    assert seconds < 5
