"""Samples, taken every two seconds: the host's metrics for classic monitoring, and which parts are down since when."""

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import psutil
import requests

from vshop.kit.http.session import failure_reason, http_session
from vshop.kit.times import rfc3339_ms
from vshop.shop.addresses import Addresses

_EVERY_S = 2.0
KEPT = 120
TIMEOUT_S = 5.0
"""Long, because an incident may slow a part down."""
_TIMES_FAILED = 2
_BEHIND = ("kafka", "dynamodb")
"""Without HTTP; services' readiness checks name them."""
_ANSWERS = ("ClientError", "ResourceNotFoundException")
"""Errors of a part that answers."""


@contextmanager
def repeating(name: str, work: Callable[[], None]) -> Iterator[None]:
    """Call a function every two seconds in a daemon thread."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(_EVERY_S):
            work()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=1)


class HostMetrics:
    """Samples of the host."""

    def __init__(self) -> None:
        self._samples: deque[dict[str, float]] = deque(maxlen=KEPT)
        self._before, self._began = _kilobytes(), time.monotonic()

    def read(self) -> dict[str, Any]:
        """Return the latest samples by metric."""
        samples = list(self._samples)
        fixed = {"cpus": psutil.cpu_count() or 1, "memoryTotalGb": round(psutil.virtual_memory().total / 1e9, 1)}
        names = ("time", "cpuPercent", "memoryGb", "receivedKbS", "sentKbS", "diskWrittenKbS")
        return fixed | {name: [sample[name] for sample in samples] for name in names}

    def sample(self) -> None:
        """Take a sample: its rates are those since the last one."""
        after, now = _kilobytes(), time.monotonic()
        # The counters fall when a network interface disappears.
        rates = {name: max(0.0, round((after[name] - self._before[name]) / (now - self._began), 2)) for name in after}
        cpu_percent = psutil.cpu_percent(None if self._samples else 0.1)  # since the last call; a thread's first one would return 0
        memory_gb = round(psutil.virtual_memory().used / 1e9, 2)
        self._samples.append({"time": round(time.time(), 1), "cpuPercent": cpu_percent, "memoryGb": memory_gb} | rates)
        self._before, self._began = after, now


def _kilobytes() -> dict[str, float]:
    net, disk = psutil.net_io_counters(), psutil.disk_io_counters()
    written = disk.write_bytes if disk else 0
    return {"receivedKbS": net.bytes_recv / 1000, "sentKbS": net.bytes_sent / 1000, "diskWrittenKbS": written / 1000}


class Parts:
    """The results of probing the parts."""

    def __init__(self, addresses: Addresses) -> None:
        self._urls = {part: url for part, url in addresses.by_part().items() if part != "console"}
        self._session = http_session("vshop-console", connections=len(self._urls))
        self._failures: dict[str, tuple[float, str, int]] = {}

    def down(self) -> list[dict[str, str]]:
        """Return ``{"part", "since", "reason"}`` for each part that is down."""
        return [
            {"part": part, "since": rfc3339_ms(since), "reason": reason}
            for part, (since, reason, times) in sorted(self._failures.items())
            if times >= _TIMES_FAILED
        ]

    def probe(self) -> None:
        """Probe all parts at the same time, in daemon threads: a silent part must not hold the console's end."""
        found: list[dict[str, str]] = []
        threads = [
            threading.Thread(target=lambda part=part: found.append(self._probe(part)), name=f"probe-{part}", daemon=True)
            for part in self._urls
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.update(found)

    def update(self, found: list[dict[str, str]]) -> None:
        """Take one round: the reasons by part that failed. Of several, the first in the alphabet is the same in each round."""
        now, before = time.time(), self._failures
        reasons = dict(sorted(((part, reason) for one in found for part, reason in one.items()), reverse=True))
        self._failures = {
            part: (before[part][0], reason, before[part][2] + 1) if part in before else (now, reason, 1)
            for part, reason in reasons.items()
        }

    def _probe(self, part: str) -> dict[str, str]:
        url = self._urls[part]
        try:
            response = self._session.get(f"{url}/readyz", timeout=TIMEOUT_S)
        except requests.RequestException as error:
            return {part: f"no answer at {url}: {failure_reason(error)}"}
        return {} if response.ok else _behind(part, response)


def _behind(part: str, response: requests.Response) -> dict[str, str]:
    """Other failed checks are symptoms of incidents."""
    try:
        checks = msgspec.json.decode(response.content)["checks"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return {part: f"it answers {response.status_code} to /readyz"}
    failed = {name: str(checks[name]["seen"])[:200] for name in _BEHIND if name in checks and not checks[name]["ok"]}
    return {name: f"{part} reports {_plain(seen)}" for name, seen in failed.items() if not seen.startswith(_ANSWERS)}


def _plain(seen: str) -> str:
    found = re.search(r'str="([^"]+)', seen)
    return found[1] if found else seen
