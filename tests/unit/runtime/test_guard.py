"""What is left when whoever started a shop is killed."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from tests.waiting import Eventually
from vshop.runtime import folders
from vshop.runtime.options import Options
from vshop.runtime.shop import Shop

LAUNCHER = """\
import sys, msgspec
from vshop.runtime.options import Options
from vshop.runtime.shop import Shop
shop = Shop.start(msgspec.json.decode(sys.argv[1], type=Options))
print("up", flush=True)
sys.stdin.read()
"""

Left = Callable[[], list[int]]


def launch(options: Options) -> subprocess.Popen[bytes]:
    """Start a shop in a process that can be killed."""
    command = [sys.executable, "-c", LAUNCHER, msgspec.json.encode(options).decode()]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def kill(launcher: subprocess.Popen[bytes]) -> None:
    """Kill -9."""
    launcher.send_signal(signal.SIGKILL)
    with launcher:
        pass


def wait_until_up(launcher: subprocess.Popen[bytes]) -> None:
    """Wait for the launcher's word."""
    assert launcher.stdout
    assert launcher.stdout.readline() == b"up\n"


def test_killed_in_mid_start(options: Options, left: Left, eventually: Eventually) -> None:
    """Killing the launcher in mid start leaves no process."""
    launcher = launch(msgspec.structs.replace(options, env=options.env | {"STAND_IN_ORDERS": "never-ready"}, detached=True))
    eventually(lambda: len(left()) == 2)
    kill(launcher)
    eventually(lambda: left() == [])


def test_killed_in_the_foreground(options: Options, left: Left, eventually: Eventually) -> None:
    """Killing the launcher of a shop in the foreground leaves no process."""
    launcher = launch(options)
    wait_until_up(launcher)
    assert len(left()) == 2
    kill(launcher)
    eventually(lambda: left() == [])
    eventually(lambda: Shop.running(options.home) is None)  # one that is dying has lost its mark a moment before it is gone


def test_killed_after_release(options: Options, left: Left) -> None:
    """A detached shop outlives its launcher."""
    launcher = launch(msgspec.structs.replace(options, detached=True))
    wait_until_up(launcher)
    kill(launcher)
    shop = Shop.running(options.home)
    assert shop is not None
    assert shop.status()["ready"]
    shop.stop()
    assert left() == []


def test_guard_goes_when_released(options: Options, eventually: Eventually, tmp_path: Path) -> None:
    """No guard stays behind a detached shop."""
    launcher = launch(msgspec.structs.replace(options, detached=True))
    wait_until_up(launcher)
    shop = Shop.running(options.home)
    assert shop is not None
    import psutil  # noqa: PLC0415 - for this one look

    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [line for line in commands if shop.state.run in line]
    kill(launcher)
    shop.stop()
    assert folders.home(options.home).state.exists() is False
