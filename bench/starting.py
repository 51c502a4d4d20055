"""From nothing to the first whole trace: ``vshop up`` as a user runs it."""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from bench.usage import cpu_seconds
from vshop.runtime import folders
from vshop.runtime.aot import cache_file
from vshop.runtime.jars import KAFKA
from vshop.runtime.progress import silent
from vshop.runtime.shop import Shop

_TIMEOUT_S = 180.0


class StartError(Exception):
    """`vshop up` did not start a shop; the text is what it said."""


class Start(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Starts of one kind, each from the command to the first whole trace."""

    seconds: list[float]
    cpu_seconds: dict[str, float]
    """By part, of the start that used least; ``vshop up`` itself as ``command``."""

    @property
    def median_s(self) -> float:
        """The one in the middle."""
        return statistics.median(self.seconds)


def warm(home: Path, times: int) -> Start:
    """Start as one does on the second day: everything is fetched, Kafka's start cache is there.

    Args:
        home: folder for the shops.
        times: how often.
    """
    if not cache_file().exists():
        subprocess.run([sys.executable, "-m", "vshop.runtime.aot_maker"], timeout=600, check=True)
    return _starts(home, {}, times)


def cold(home: Path, times: int) -> Start:
    """Start with a cache folder that holds Kafka's files and nothing else, as the first time.

    Args:
        home: folder for the shops.
        times: how often.
    """
    KAFKA.ensure(silent)
    cache = home / "fresh-cache"
    shutil.copytree(KAFKA.folder(), cache / KAFKA.folder().name, dirs_exist_ok=True)
    return _starts(home, {"VSHOP_CACHE": str(cache), "VSHOP_AOT": "0"}, times)


def _starts(home: Path, env: dict[str, str], times: int) -> Start:
    runs = [_start(folders.home(home / "shop"), env) for _ in range(times)]
    least = min((cpu for _, cpu in runs), key=lambda cpu: sum(cpu.values()))
    return Start(seconds=[seconds for seconds, _ in runs], cpu_seconds=least)


def _start(home: folders.Home, env: dict[str, str]) -> tuple[float, dict[str, float]]:
    command = [sys.executable, "-m", "vshop.cli", "up", "--free-ports", "--jaeger", "none", "--json", "--home", str(home.path)]
    before, began = _children_cpu(), time.perf_counter()
    ran = subprocess.run(command, env=os.environ | env, capture_output=True, timeout=_TIMEOUT_S, check=False)
    seconds = time.perf_counter() - began
    if ran.returncode:
        raise StartError(f"`vshop up` failed:\n{ran.stderr.decode(errors='replace')[-2000:]}")
    shop = Shop.running(str(home.path))
    if shop is None or not json.loads(ran.stdout)["traceId"]:
        raise StartError("`vshop up` left no shop")
    try:
        used = {"command": _children_cpu() - before} | cpu_seconds(shop)
    finally:
        shop.stop()
    return seconds, used


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
