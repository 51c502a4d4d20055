import time

from bench.machine import spin

REFERENCE_S = 0.08
"""Seconds of the calibration loop on the machine for which limits are written, as recorded in bench/results.json."""


def slowdown() -> float:
    """Return how many times longer the calibration loop takes here and now, by the clock; at least 1."""
    began = time.perf_counter()
    spin()
    return max(1.0, (time.perf_counter() - began) / REFERENCE_S)


class Budget:
    def __init__(self) -> None:
        self._before = slowdown()

    def __call__(self, seconds: float) -> float:
        """Return what takes so many seconds on the idle reference machine, in seconds on this one."""
        return seconds * max(self._before, slowdown())
