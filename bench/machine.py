"""The measuring machine, its speed, and what a shop's processes use."""

import contextlib
import os
import platform
import re
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from vshop.runtime.local.shop import Shop, versions
from vshop.runtime.model.processes import resident_bytes

_STEPS = 2_000_000
SERVICES = ("auth-stub", "orders", "stock-updater")
"""Those that an order passes."""
_LIBRARIES = ("opentelemetry-sdk", "flask", "confluent-kafka", "botocore", "moto")


def describe() -> dict[str, Any]:
    """Return the machine, its load and its calibration before the run, and the versions."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "memoryBytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "load": os.getloadavg(),
        "calibrationS": calibrate(),
        "versions": versions() | {name: version(name) for name in _LIBRARIES},
    }


def calibrate() -> float:
    """Return the CPU seconds of the calibration loop, the best of five."""
    return min(spin() for _ in range(5))


def spin() -> float:
    """Run the calibration loop once and return its CPU seconds."""
    began, total = time.process_time(), 0
    for step in range(_STEPS):
        total += step * step % 7
    return time.process_time() - began


def _cpu() -> str:
    with contextlib.suppress(OSError):  # only Linux has this file
        if found := re.search(r"^model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE):
            return found[1]
    return platform.processor() or platform.machine()


def cpu_seconds(shop: Shop) -> dict[str, float]:
    """Return each part's CPU seconds (user and system) since its start."""
    return {name: sum(psutil.Process(one.pid).cpu_times()[:2]) for name, one in shop.state.processes.items()}


def resident(shop: Shop) -> dict[str, int]:
    return {name: resident_bytes(identity) for name, identity in shop.state.processes.items()}


def quantiles(name: str, seconds: list[float]) -> dict[str, float]:
    """Return the median and the 99th percentile as ``<name>P50Ms`` and ``<name>P99Ms``."""
    ordered = sorted(seconds)
    return {f"{name}P{share}Ms": 1000 * ordered[min(len(ordered) - 1, share * len(ordered) // 100)] for share in (50, 99)}


def median_and_most(seconds: list[float]) -> dict[str, float]:
    """Return the number, the median and the largest of some times."""
    return {"times": len(seconds), "p50Ms": 1000 * sorted(seconds)[len(seconds) // 2], "mostMs": 1000 * max(seconds)}
