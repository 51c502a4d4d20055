"""The measuring machine, its speed, and what a shop's processes use."""

import contextlib
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import msgspec
import psutil

from vshop.runtime.local.shop import Shop, versions
from vshop.runtime.model.processes import resident_bytes

_STEPS = 2_000_000
SERVICES = ("auth-stub", "orders", "stock-updater")
"""Those that an order passes."""
_LIBRARIES = ("opentelemetry-sdk", "flask", "confluent-kafka", "botocore", "moto")


class Machine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    cpu: str
    cores: int
    memory_bytes: int
    system: str
    load: tuple[float, float, float]
    calibration_s: float
    """CPU seconds of a fixed loop, the best of five, before the run."""
    calibration_after_s: float = 0.0
    versions: dict[str, str]


def describe() -> Machine:
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.release().partition('-')[0]}",
        load=os.getloadavg(),
        calibration_s=calibrate(),
        versions=versions() | {name: version(name) for name in _LIBRARIES},
    )


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
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cpu_seconds(shop: Shop) -> dict[str, float]:
    """Return each part's CPU seconds (user and system) since its start."""
    return {name: sum(psutil.Process(one.pid).cpu_times()[:2]) for name, one in shop.state.processes.items()}


def resident(shop: Shop) -> dict[str, int]:
    return {name: resident_bytes(identity) for name, identity in shop.state.processes.items()}
