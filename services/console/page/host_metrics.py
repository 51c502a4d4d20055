"""The old way to look at a shop: what its host is busy with, sampled now and then; nothing in it knows of an order."""

import threading
import time
from collections import deque
from types import TracebackType
from typing import Any, Self

import psutil

EVERY_S = 2.0
KEPT = 120


class HostMetrics:
    """Samples the host in the background, as a context manager; the latest samples are kept."""

    def __init__(self) -> None:
        self._samples: deque[dict[str, float]] = deque(maxlen=KEPT)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="host-metrics", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End."""
        self._stop.set()
        self._thread.join(timeout=1)

    def told(self) -> dict[str, Any]:
        """Return the samples by name, the oldest first, and what never changes about the host."""
        samples = list(self._samples)
        names = ("time", "cpuPercent", "memoryMb", "receivedKbS", "sentKbS", "diskWrittenKbS")
        fixed = {"cpus": psutil.cpu_count() or 1, "memoryTotalMb": round(psutil.virtual_memory().total / 1e6)}
        return fixed | {name: [sample[name] for sample in samples] for name in names}

    def _run(self) -> None:
        before = self._read()
        while not self._stop.wait(EVERY_S):
            after = self._read()
            seconds = after["at"] - before["at"]
            rates = {name: round((after[name] - before[name]) / seconds / 1000, 2) for name in ("received", "sent", "written")}
            self._samples.append(
                {
                    "time": round(time.time(), 1),
                    "cpuPercent": psutil.cpu_percent(),
                    "memoryMb": round(psutil.virtual_memory().used / 1e6),
                    "receivedKbS": rates["received"],
                    "sentKbS": rates["sent"],
                    "diskWrittenKbS": rates["written"],
                }
            )
            before = after

    def _read(self) -> dict[str, float]:
        net, disk = psutil.net_io_counters(), psutil.disk_io_counters()
        written = float(disk.write_bytes) if disk else 0.0
        return {"at": time.monotonic(), "received": float(net.bytes_recv), "sent": float(net.bytes_sent), "written": written}
