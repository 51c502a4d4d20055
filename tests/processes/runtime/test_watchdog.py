import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil

from tests.waiting import Eventually
from vshop.runtime.local.shop import Shop
from vshop.runtime.model import folders
from vshop.runtime.model.options import Options

LAUNCHER = """\
import sys, msgspec
from vshop.runtime.model.options import Options
from vshop.runtime.local.shop import Shop
shop = Shop.start(msgspec.json.decode(sys.argv[1], type=Options))
print("up", flush=True)
sys.stdin.read()
"""

Left = Callable[[], list[int]]


def launch(options: Options) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", LAUNCHER, msgspec.json.encode(options).decode()]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def kill(launcher: subprocess.Popen[bytes]) -> None:
    launcher.send_signal(signal.SIGKILL)
    with launcher:
        pass


def wait_until_up(launcher: subprocess.Popen[bytes]) -> None:
    assert launcher.stdout
    assert launcher.stdout.readline() == b"up\n"


def test_launcher_killed_during_the_start_leaves_no_process(options: Options, left: Left, eventually: Eventually) -> None:
    launcher = launch(msgspec.structs.replace(options, env=options.env | {"STAND_IN_ORDERS": "never-ready"}, detached=True))
    eventually(lambda: len(left()) == 2)
    kill(launcher)
    eventually(lambda: left() == [])


def test_killed_launcher_of_a_foreground_shop_leaves_no_process(options: Options, left: Left, eventually: Eventually) -> None:
    launcher = launch(options)
    wait_until_up(launcher)
    assert len(left()) == 2
    kill(launcher)
    eventually(lambda: left() == [])
    eventually(lambda: Shop.running(options.home) is None)  # a dying process loses its environment shortly before it is gone


def test_detached_shop_outlives_its_launcher(options: Options, left: Left) -> None:
    launcher = launch(msgspec.structs.replace(options, detached=True))
    wait_until_up(launcher)
    kill(launcher)
    shop = Shop.running(options.home)
    assert shop is not None
    assert shop.status()["ready"]
    shop.stop()
    assert left() == []


def test_detached_shop_has_no_watchdog(options: Options, eventually: Eventually, tmp_path: Path) -> None:
    launcher = launch(msgspec.structs.replace(options, detached=True))
    wait_until_up(launcher)
    shop = Shop.running(options.home)
    assert shop is not None
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [line for line in commands if shop.state.run in line]
    kill(launcher)
    shop.stop()
    assert folders.home(options.home).state.exists() is False
