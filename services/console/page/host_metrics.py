"""CPU, memory, network and disk of the host, for classic monitoring."""

import threading
import time
from collections import deque
from types import TracebackType
from typing import Any, Self

import psutil

EVERY_S = 2.0
KEPT = 120


class HostMetrics:
    """Samples the host in a thread."""

    def __init__(self) -> None:
        self._samples: deque[dict[str, float]] = deque(maxlen=KEPT)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="host-metrics", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(timeout=1)

    def read(self) -> dict[str, Any]:
        """Return the latest samples by metric."""
        samples = list(self._samples)
        fixed = {"cpus": psutil.cpu_count() or 1, "memoryTotalMb": round(psutil.virtual_memory().total / 1e6)}
        names = ("time", "cpuPercent", "memoryMb", "receivedKbS", "sentKbS", "diskWrittenKbS")
        return fixed | {name: [sample[name] for sample in samples] for name in names}

    def _run(self) -> None:
        before, began = _kilobytes(), time.monotonic()
        while not self._stop.wait(EVERY_S):
            after, now = _kilobytes(), time.monotonic()
            rates = {name: round((after[name] - before[name]) / (now - began), 2) for name in after}
            memory_mb = round(psutil.virtual_memory().used / 1e6)
            self._samples.append({"time": round(time.time(), 1), "cpuPercent": psutil.cpu_percent(), "memoryMb": memory_mb} | rates)
            before, began = after, now


def _kilobytes() -> dict[str, float]:
    net, disk = psutil.net_io_counters(), psutil.disk_io_counters()
    written = disk.write_bytes if disk else 0
    return {"receivedKbS": net.bytes_recv / 1000, "sentKbS": net.bytes_sent / 1000, "diskWrittenKbS": written / 1000}
