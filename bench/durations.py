"""Measures how long commands take."""

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from timeit import timeit
from typing import Any

from bench.machine import cpu_seconds, median_and_most
from vshop.fixture import VirtualShop, Wanted, open_shop
from vshop.runtime.backends.jars import KAFKA
from vshop.runtime.local.aot import cache_file
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.progress import silent
from vshop.shop.client import ShopClient

_ROOT = Path(__file__).parents[1]
_START_S, _VERIFY_S = 180.0, 900.0
_VSHOP = [sys.executable, "-m", "vshop.cli"]


class StartError(Exception):
    """`vshop up` failed; the text holds its output."""


def warm_start(home: Path, times: int) -> dict[str, Any]:
    if not cache_file().exists():
        subprocess.run([sys.executable, "-m", "vshop.runtime.local.aot"], timeout=600, check=True)
    return _starts(home, {}, times)


def cold_start(home: Path, times: int) -> dict[str, Any]:
    """Start with only Kafka's files in the cache, as on a first start."""
    KAFKA.ensure(silent)
    cache = home / "fresh-cache"
    shutil.copytree(KAFKA.folder(), cache / KAFKA.folder().name, dirs_exist_ok=True)
    return _starts(home, {"VSHOP_CACHE": str(cache), "VSHOP_AOT": "0"}, times)


def _starts(home: Path, env: dict[str, str], times: int) -> dict[str, Any]:
    """Return the times from `vshop up` to the first complete trace, and the CPU seconds of the start that used least.

    They are by part; ``vshop up`` itself is ``command``.
    """
    runs = [_start(str(home / "shop"), env) for _ in range(times)]
    least = min((cpu for _, cpu in runs), key=lambda cpu: sum(cpu.values()))
    return {"seconds": [seconds for seconds, _ in runs], "cpuSeconds": least}


def _start(home: str, env: dict[str, str]) -> tuple[float, dict[str, float]]:
    command = [*_VSHOP, "up", "--free-ports", "--jaeger", "none", "--json", "--home", home]
    before, began = _children_cpu(), time.perf_counter()
    ran = subprocess.run(command, env=os.environ | env, capture_output=True, timeout=_START_S, check=False)
    seconds = time.perf_counter() - began
    if ran.returncode:
        raise StartError(f"`vshop up` failed:\n{ran.stderr.decode(errors='replace')[-2000:]}")
    shop = Shop.running(home)
    if shop is None or not json.loads(ran.stdout)["traceId"]:
        raise StartError("`vshop up` succeeded, but no shop is running")
    with shop:
        return seconds, {"command": _children_cpu() - before} | cpu_seconds(shop)


def _children_cpu() -> float:
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def switching(client: ShopClient, times: int) -> dict[str, Any]:
    turns = (client.switch_on, client.switch_off) * times
    return median_and_most([timeit(partial(turn, "auth-token-expired"), number=1) for turn in turns])


def culprit(home: str, times: int) -> dict[str, Any]:
    """Break orders, and find each culprit span as a test does.

    The times are from the end of a broken order's processing until a test has its culprit span.
    """
    seconds = []
    with open_shop(Wanted(home=home)) as process:
        shop = VirtualShop(process)
        for _ in range(times):
            with shop.incident("stock-put-missing-key", scope="request") as incident:
                order = shop.place_order()
                verification = incident.verify(order)
                found_at = time.time()
            if not verification or verification.culprit is None:
                raise RuntimeError(f"No culprit span was found: {verification}")
            (processed,) = order.trace.find(kind="CONSUMER")
            seconds.append(found_at - processed.end_ns / 1e9)
    return median_and_most(seconds)


def verification(home: str, incidents: list[str], *options: str) -> dict[str, Any]:
    command, began = [*_VSHOP, "verify", "--json", *options, *incidents], time.perf_counter()
    ran = subprocess.run(command, env=os.environ | {"VSHOP_HOME": home}, capture_output=True, timeout=_VERIFY_S, check=False)
    seconds, verdicts = time.perf_counter() - began, json.loads(ran.stdout)
    return {"incidents": len(verdicts), "verified": sum(one["verified"] for one in verdicts), "seconds": seconds}


def tests(target: str) -> dict[str, Any]:
    began = time.perf_counter()
    ran = subprocess.run(["make", target], cwd=_ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    outcome = next((line for line in reversed(ran.stdout.splitlines()) if " in " in line), "no outcome")
    return {"target": target, "status": ran.returncode, "seconds": time.perf_counter() - began, "outcome": outcome.strip("= ")}
