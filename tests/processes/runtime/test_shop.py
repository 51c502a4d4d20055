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

from vshop.runtime.local.shop import Shop
from vshop.runtime.model import ports, processes
from vshop.runtime.model.errors import NotReadyError, NotRunningError, PartDiedError, PortInUseError
from vshop.runtime.model.options import Options
from vshop.runtime.model.progress import Event

Left = Callable[[], list[int]]


def failing(options: Options, **behaviour: str) -> Options:
    return msgspec.structs.replace(options, env=options.env | {f"STAND_IN_{name}": value for name, value in behaviour.items()})


def test_started_shop_is_ready(shop: Shop) -> None:
    status = shop.status()
    assert status["ready"]
    assert status["rss_bytes"] > 1_000_000
    assert {name: one["url"] for name, one in status["parts"].items()} == shop.addresses
    assert Path(status["parts"]["orders"]["log"]).read_text().startswith("ORDERS starts")
    assert msgspec.json.decode(msgspec.json.encode(status)) == status


def test_progress_covers_start_and_stop(options: Options) -> None:
    events: list[Event] = []
    shop = Shop.start(options, events.append)
    shop.stop(events.append)
    steps = [event.state for event in events if event.part == "orders"]
    assert steps == ["starting", "ready", "stopping", "stopped"]


def test_stop_leaves_no_process(options: Options, left: Left) -> None:
    shop = Shop.start(options)
    assert left()
    stopped = shop.stop()
    assert stopped.killed == ()
    assert left() == []
    assert shop.state.run not in processes.find_runs()
    assert Shop.running(options.home) is None


def test_second_stop_is_harmless(options: Options) -> None:
    shop = Shop.start(options)
    shop.stop()
    assert shop.stop().killed == ()


def test_dying_part_fails_the_start_with_its_log(options: Options, left: Left) -> None:
    with pytest.raises(PartDiedError) as caught:
        Shop.start(failing(options, ORDERS="dies"))
    assert caught.value.part == "orders"
    assert "exit code 3" in str(caught.value)
    assert "out of patience" in str(caught.value)
    assert left() == []


def test_slow_part_fails_the_start_with_its_last_check(options: Options, left: Left) -> None:
    with pytest.raises(NotReadyError, match="kafka: the queue is closed"):
        Shop.start(msgspec.structs.replace(failing(options, ORDERS="never-ready"), timeout_s=3))
    assert left() == []


def test_port_in_use_is_named_with_its_holder(options: Options, left: Left) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUseError) as caught:
            Shop.start(msgspec.structs.replace(options, ports={"orders": port}))
    assert f"{port} (orders, for orders) is held by process {os.getpid()}" in str(caught.value)
    assert "vshop up --port orders=" in str(caught.value)
    assert left() == []


def test_second_start_returns_the_running_shop(shop: Shop, options: Options) -> None:
    again = Shop.start(options)
    assert again.state == shop.state
    found = Shop.running(options.home)
    assert found is not None
    assert found.addresses == shop.addresses


def test_second_start_restarts_dead_parts(shop: Shop, options: Options) -> None:
    before = shop.state.processes
    os.killpg(before["orders"].pid, signal.SIGKILL)
    shop._children["orders"].process.wait()
    assert not shop.status()["parts"]["orders"]["alive"]
    repaired = Shop.start(options)
    assert repaired.status()["ready"]
    assert repaired.state.processes["auth-stub"] == before["auth-stub"]
    repaired.stop()


def test_restart(shop: Shop) -> None:
    before = dict(shop.state.processes)
    shop.restart("orders")
    assert shop.status()["ready"]
    assert shop.state.processes["orders"] != before["orders"]
    assert shop.state.processes["auth-stub"] == before["auth-stub"]


def test_restart_unknown_part(shop: Shop) -> None:
    with pytest.raises(NotRunningError, match="auth-stub, orders"):
        shop.restart("stock-updater")


def test_state_of_dead_processes_is_removed(options: Options) -> None:
    first = Shop.start(options)
    for child in first._children.values():
        os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()
    assert Shop.running(options.home) is None
    events: list[Event] = []
    with Shop.start(options, events.append) as second:
        assert second.state.run != first.state.run
    assert any(event.state == "note" and "was not stopped properly" in event.detail for event in events)
    first.stop()


def test_reused_pid_is_not_found(shop: Shop) -> None:
    mine = processes.identify(os.getpid())
    assert processes.find(mine)
    assert processes.find(mine._replace(created=mine.created - 60)) is None


def test_part_that_ignores_sigterm_is_killed_and_reported(options: Options, left: Left) -> None:
    shop = Shop.start(failing(options, ORDERS="ignores-sigterm"))
    events: list[Event] = []
    stopped = shop.stop(events.append, grace_s=0.5)
    assert stopped.killed == ("orders",)
    assert [event.part for event in events if event.state == "killed"] == ["orders"]
    assert left() == []


def test_each_start_empties_the_logs(options: Options) -> None:
    for _ in range(2):
        with Shop.start(options) as shop:
            log = Path(shop.status()["parts"]["orders"]["log"])
    assert log.read_text().count("ORDERS starts") == 1


@pytest.mark.timing
def test_zombie_counts_as_exited(budget):
    """A shop may be stopped by another process than its parent, which reaps its children later."""
    starter = (
        "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], "
        "start_new_session=True); print(child.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", starter], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        child = processes.identify(int(parent.stdout.readline()))
        started = time.monotonic()
        killed = processes.terminate([child], 10.0)
        seconds = time.monotonic() - started

    assert killed == []
    assert seconds < budget(5)


def test_a_port_held_by_another_shop_names_its_home_folder(shop: Shop) -> None:
    held = ports.holder(shop.state.ports["orders"])

    assert held == f"the shop in {shop.state.home} (`vshop down --home {shop.state.home}` stops it)"
