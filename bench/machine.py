"""Describes the machine that figures are from, and how fast it was at the time."""

import os
import platform
import time
from importlib.metadata import version

import msgspec
import psutil

from vshop.runtime.housekeeping import versions

_STEPS = 2_000_000
_LIBRARIES = ("opentelemetry-sdk", "flask", "confluent-kafka", "botocore", "moto")


class Machine(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a figure has to be read with."""

    cpu: str
    cores: int
    memory_bytes: int
    system: str
    load: tuple[float, float, float]
    """Load averages over 1, 5 and 15 minutes, before the run."""
    calibration_s: float
    """CPU seconds of a fixed loop in Python, the best of five, before the run."""
    calibration_after_s: float = 0.0
    versions: dict[str, str]


def describe() -> Machine:
    """Look at the machine."""
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        system=f"{platform.system()} {platform.release().partition('-')[0]}",
        load=os.getloadavg(),
        calibration_s=calibrate(),
        versions=versions() | {name: version(name) for name in _LIBRARIES},
    )


def calibrate(rounds: int = 5) -> float:
    """Return the CPU seconds that a fixed loop of pure Python takes here and now: by it, figures of two machines compare.

    Args:
        rounds: how often it is run; the best counts.
    """
    return min(_loop() for _ in range(rounds))


def _loop() -> float:
    began, total = time.process_time(), 0
    for step in range(_STEPS):
        total += step * step % 7
    return time.process_time() - began


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - no file of ours
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()
