"""CPU, memory, network and disk of the host, for classic monitoring."""

import time
from collections import deque
from typing import Any

import psutil

KEPT = 120


class HostMetrics:
    """Samples of the host."""

    def __init__(self) -> None:
        self._samples: deque[dict[str, float]] = deque(maxlen=KEPT)
        self._before, self._began = _kilobytes(), time.monotonic()

    def read(self) -> dict[str, Any]:
        """Return the latest samples by metric."""
        samples = list(self._samples)
        fixed = {"cpus": psutil.cpu_count() or 1, "memoryTotalMb": round(psutil.virtual_memory().total / 1e6)}
        names = ("time", "cpuPercent", "memoryMb", "receivedKbS", "sentKbS", "diskWrittenKbS")
        return fixed | {name: [sample[name] for sample in samples] for name in names}

    def sample(self) -> None:
        """Take a sample: its rates are those since the last one."""
        after, now = _kilobytes(), time.monotonic()
        rates = {name: round((after[name] - self._before[name]) / (now - self._began), 2) for name in after}
        memory_mb = round(psutil.virtual_memory().used / 1e6)
        self._samples.append({"time": round(time.time(), 1), "cpuPercent": psutil.cpu_percent(), "memoryMb": memory_mb} | rates)
        self._before, self._began = after, now


def _kilobytes() -> dict[str, float]:
    net, disk = psutil.net_io_counters(), psutil.disk_io_counters()
    written = disk.write_bytes if disk else 0
    return {"receivedKbS": net.bytes_recv / 1000, "sentKbS": net.bytes_sent / 1000, "diskWrittenKbS": written / 1000}
