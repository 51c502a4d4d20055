"""Measures how long commands take."""

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

from bench.machine import cpu_seconds
from bench.shopper import quantile
from vshop.fixture import VirtualShop, Wanted, open_shop
from vshop.runtime.backends.jars import KAFKA
from vshop.runtime.local.aot import cache_file
from vshop.runtime.local.shop import Shop
from vshop.runtime.model import folders
from vshop.runtime.model.progress import silent
from vshop.shop.client import ShopClient

_ROOT = Path(__file__).parents[1]
_START_S, _VERIFY_S = 180.0, 900.0
_VSHOP = [sys.executable, "-m", "vshop.cli"]


class StartError(Exception):
    """`vshop up` failed; the text holds its output."""


class Start(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Times from `vshop up` to the first complete trace."""

    seconds: list[float]
    cpu_seconds: dict[str, float]
    """By part, of the start that used least; ``vshop up`` itself is ``command``."""

    @property
    def median_s(self) -> float:
        return statistics.median(self.seconds)


class Switching(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    times: int
    p50_ms: float
    most_ms: float


class Verification(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    incidents: int
    verified: int
    seconds: float


class Culprit(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """From the end of a broken order's processing until a test has its culprit span."""

    times: int
    p50_ms: float
    most_ms: float


class Tests(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    target: str
    status: int
    seconds: float
    outcome: str


def warm_start(home: Path, times: int) -> Start:
    if not cache_file().exists():
        subprocess.run([sys.executable, "-m", "vshop.runtime.local.aot"], timeout=600, check=True)
    return _starts(home, {}, times)


def cold_start(home: Path, times: int) -> Start:
    """Start with only Kafka's files in the cache, as on a first start."""
    KAFKA.ensure(silent)
    cache = home / "fresh-cache"
    shutil.copytree(KAFKA.folder(), cache / KAFKA.folder().name, dirs_exist_ok=True)
    return _starts(home, {"VSHOP_CACHE": str(cache), "VSHOP_AOT": "0"}, times)


def _starts(home: Path, env: dict[str, str], times: int) -> Start:
    runs = [_start(folders.home(home / "shop"), env) for _ in range(times)]
    least = min((cpu for _, cpu in runs), key=lambda cpu: sum(cpu.values()))
    return Start(seconds=[seconds for seconds, _ in runs], cpu_seconds=least)


def _start(home: folders.Home, env: dict[str, str]) -> tuple[float, dict[str, float]]:
    command = [*_VSHOP, "up", "--free-ports", "--jaeger", "none", "--json", "--home", str(home.path)]
    before, began = _children_cpu(), time.perf_counter()
    ran = subprocess.run(command, env=os.environ | env, capture_output=True, timeout=_START_S, check=False)
    seconds = time.perf_counter() - began
    if ran.returncode:
        raise StartError(f"`vshop up` failed:\n{ran.stderr.decode(errors='replace')[-2000:]}")
    shop = Shop.running(str(home.path))
    if shop is None or not json.loads(ran.stdout)["traceId"]:
        raise StartError("`vshop up` succeeded, but no shop is running")
    try:
        return seconds, {"command": _children_cpu() - before} | cpu_seconds(shop)
    finally:
        shop.stop()


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def switching(client: ShopClient, times: int) -> Switching:
    seconds = []
    for _ in range(times):
        for turn in (client.switch_on, client.switch_off):
            began = time.perf_counter()
            turn("auth-token-expired")
            seconds.append(time.perf_counter() - began)
    return Switching(times=2 * times, p50_ms=1000 * quantile(seconds, 0.5), most_ms=1000 * max(seconds))


def culprit(home: str, times: int) -> Culprit:
    """Break orders, and find each culprit span as a test does."""
    milliseconds = []
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
            milliseconds.append(1000 * found_at - processed.end_ns / 1e6)
    return Culprit(times=times, p50_ms=quantile(milliseconds, 0.5), most_ms=max(milliseconds))


def verification(home: str, incidents: list[str], *, parallel: bool = False) -> Verification:
    command = [*_VSHOP, "verify", "--json", *(["--parallel"] if parallel else []), *incidents]
    began = time.perf_counter()
    ran = subprocess.run(command, env=os.environ | {"VSHOP_HOME": home}, capture_output=True, timeout=_VERIFY_S, check=False)
    seconds = time.perf_counter() - began
    verdicts = json.loads(ran.stdout)
    return Verification(incidents=len(verdicts), verified=sum(one["verified"] for one in verdicts), seconds=seconds)


def tests(target: str) -> Tests:
    began = time.perf_counter()
    ran = subprocess.run(["make", target], cwd=_ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    outcome = next((line for line in reversed(ran.stdout.splitlines()) if " in " in line), "no outcome")
    return Tests(target=target, status=ran.returncode, seconds=time.perf_counter() - began, outcome=outcome.strip("= "))
