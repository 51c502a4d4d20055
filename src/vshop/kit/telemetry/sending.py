"""How telemetry reaches its receiver: a light HTTP session, and a queue of unacknowledged batches.

OpenTelemetry's exporters drop a batch after one timeout. Nothing here makes the service wait for its receiver.
"""

import io
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import requests
import urllib3
from requests.structures import CaseInsensitiveDict

log = logging.getLogger(__name__)

_FIRST_DELAY_S, _LAST_DELAY_S = 0.25, 2.0
_PATIENCE_S = 120.0
"""A receiver that always refuses one batch must not hold it for ever."""
_CLOSE_S = 5.0
_LIMITS = {"traces": "OTEL_BSP_MAX_QUEUE_SIZE", "logs": "OTEL_BLRP_MAX_QUEUE_SIZE"}


class _Batch(NamedTuple):
    items: Sequence[Any]
    first_at: float  # on the monotonic clock


class RetryQueue:
    """Sends batches, one at a time while some wait. Thread-safe.

    ``lost`` counts items that were given up: no room, too old, or the service stopped.
    """

    def __init__(self, export: Callable[[Sequence[Any]], bool], signal: str) -> None:
        self.lost = self.waiting = 0
        self._export, self.signal = export, signal
        self._limit = int(os.environ.get(_LIMITS[signal]) or 2048)
        self._batches: deque[_Batch] = deque()
        self._changed = threading.Condition()
        self._wake = threading.Event()
        self._closed = False
        self._failures = 0
        self._thread: threading.Thread | None = None

    def send(self, items: Sequence[Any]) -> bool:
        """Send a batch, or keep it if it fails or others wait. Returns whether it was acknowledged."""
        with self._changed:
            free = self._thread is None
        if free and self._export(items):
            return True
        with self._changed:
            self._keep(_Batch(items, time.monotonic()))
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name=f"retry {self.signal}", daemon=True)
                self._thread.start()
        return False

    def flush(self, timeout_s: float) -> None:
        """Try the kept batches now, until all are acknowledged or one fails."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            failures = self._failures
            self._wake.set()
            while self._thread is not None and self._failures == failures and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)

    def close(self) -> None:
        """Try the kept batches once more; count the rest as lost."""
        self.flush(_CLOSE_S)
        with self._changed:
            self._closed = True
            self._wake.set()
            while self._batches:
                self._drop(self._batches.popleft())
        if self.lost:
            log.warning("%d items of the signal %s were lost: their receiver did not acknowledge them", self.lost, self.signal)

    def _keep(self, batch: _Batch) -> None:
        self._batches.append(batch)
        self.waiting += len(batch.items)
        while self.waiting > self._limit and self._batches:
            self._drop(self._batches.popleft())

    def _drop(self, batch: _Batch) -> None:
        self.waiting -= len(batch.items)
        self.lost += len(batch.items)

    def _run(self) -> None:
        delay_s = _FIRST_DELAY_S
        while (batch := self._next()) is not None:
            acknowledged = self._export(batch.items)
            with self._changed:
                if acknowledged:
                    self.waiting -= len(batch.items)
                    delay_s = _FIRST_DELAY_S
                    continue
                if self._closed or time.monotonic() - batch.first_at > _PATIENCE_S:
                    self._drop(batch)
                else:
                    self._batches.append(batch)
                self._failures += 1
                self._wake.clear()
                self._changed.notify_all()
            self._wake.wait(delay_s)
            delay_s = min(2 * delay_s, _LAST_DELAY_S)

    def _next(self) -> _Batch | None:
        with self._changed:
            if self._batches:
                return self._batches.popleft()
            self._thread = None
            self._changed.notify_all()
            return None


class LightSession(requests.Session):
    """Sends with urllib3 alone, in half the CPU time. No proxies, no certificates."""

    def __init__(self) -> None:
        super().__init__()
        self._pool = urllib3.PoolManager(retries=urllib3.Retry(0, redirect=False))

    def request(  # type: ignore[override]  # the exporters use these arguments
        self,
        method: str,
        url: str,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Any = None,
        **_: Any,
    ) -> requests.Response:
        """Send a request. Raises requests.Timeout or requests.ConnectionError."""
        sent: dict[str, Any] = {**self.headers, **(headers or {})}
        try:
            answer = self._pool.request(method, url, body=data, headers=sent, timeout=timeout)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise requests.Timeout(error) from error
        except urllib3.exceptions.HTTPError as error:
            raise requests.ConnectionError(error) from error
        response = requests.Response()
        response.status_code, response.reason, response.url = answer.status, answer.reason or "", url
        response.headers = CaseInsensitiveDict(answer.headers)
        response.raw = io.BytesIO(answer.data)
        return response

    def close(self) -> None:
        """Close all connections."""
        self._pool.clear()
