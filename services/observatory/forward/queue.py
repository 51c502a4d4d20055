"""A target's bounded queue, and the thread that sends it."""

import logging
import random
import threading
import time
from collections import Counter, deque
from typing import Any, Protocol

import msgspec

from observatory.store.otlp import SIGNALS, Signal

log = logging.getLogger("observatory.forward")

_MAX_QUEUED_BYTES = 32 * 1024 * 1024
_RETRY_FOR_S = 60.0
_FIRST_PAUSE_S, _MAX_PAUSE_S = 0.1, 5.0
_CLOSE_WITHIN_S = 2.0


class Batch(msgspec.Struct, frozen=True, gc=False):
    """A serialized ``Export…ServiceRequest``, with its number of items."""

    signal: Signal
    body: bytes
    items: int


class RetryableError(Exception):
    """The target is unavailable for ``after_s`` seconds, its ``Retry-After``."""

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class RefusedError(Exception):
    """The target refused the request; a retry would not help."""


class Transport(Protocol):
    """Sends requests, from one thread."""

    name: str

    def send(self, batch: Batch) -> int:
        """Send a request; return how many items were refused (OTLP's partial success). Raises RetryableError or RefusedError."""

    def close(self) -> None:
        """Close connections and files."""


class ForwardQueue:
    """A bounded queue and the thread that sends it."""

    def __init__(
        self,
        transport: Transport,
        *,
        max_bytes: int = _MAX_QUEUED_BYTES,
        retry_for_s: float = _RETRY_FOR_S,
        signals: frozenset[str] = frozenset(SIGNALS),
    ) -> None:
        """Build a queue. Requests above ``max_bytes`` are dropped; each is retried for ``retry_for_s``."""
        self.signals = signals
        self._transport = transport
        self._max_bytes, self._retry_for_s = max_bytes, retry_for_s
        self._changed = threading.Condition()
        self._queue: deque[Batch] = deque()
        self._bytes = 0
        self._forwarded: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._accepted = self._done = 0
        self._retries = 0
        self._last_error: str | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"forward-{transport.name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def offer(self, batch: Batch) -> None:
        """Queue a request, or count it as dropped if it does not fit."""
        with self._changed:
            if self._bytes + len(batch.body) > self._max_bytes or self._closing:
                self._dropped[batch.signal] += batch.items
                return
            self._queue.append(batch)
            self._accepted += 1
            self._bytes += len(batch.body)
            self._changed.notify_all()

    def wait_sent(self, deadline: float) -> int:
        """Wait until the queued requests are delivered or dropped; return how many are not at the deadline (monotonic clock)."""
        with self._changed:
            goal = self._accepted
            self._changed.wait_for(lambda: self._done >= goal, max(0.0, deadline - time.monotonic()))
            return max(0, goal - self._done)

    def close(self) -> None:
        """Accept no more requests, and try each queued one once."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def join(self) -> None:
        """Wait briefly for the thread to end."""
        self._thread.join(_CLOSE_WITHIN_S + 1)

    def counts(self) -> dict[str, Any]:
        """Count the items by what happened to them."""
        with self._changed:
            return {
                "target": self._transport.name,
                "forwarded": dict(self._forwarded),
                "dropped": dict(self._dropped),
                "refused": dict(self._refused),
                "queuedRequests": len(self._queue),
                "queuedBytes": self._bytes,
                "maxQueuedBytes": self._max_bytes,
                "retries": self._retries,
                "lastError": self._last_error,
            }

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            delivered = self._deliver(batch)
            with self._changed:
                self._queue.popleft()
                self._done += 1
                self._bytes -= len(batch.body)
                if not delivered:
                    self._dropped[batch.signal] += batch.items
                self._changed.notify_all()
        self._transport.close()

    def _next(self) -> Batch | None:
        # It stays in the queue, so that the counts include it.
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            return self._queue[0] if self._queue else None

    def _deliver(self, batch: Batch) -> bool:
        pause_s, until = _FIRST_PAUSE_S, time.monotonic() + self._retry_for_s
        while True:
            try:
                refused = self._transport.send(batch)
            except RetryableError as error:
                wait_s = max(error.after_s, pause_s * random.uniform(0.8, 1.2))  # noqa: S311 - jitter needs no secure randomness
                pause_s = min(pause_s * 2, _MAX_PAUSE_S)
                self._log_once(error)
                if not self._wait(wait_s, until):
                    return False
            except Exception as error:  # noqa: BLE001 - the thread must survive any error
                self._log_once(error)
                return False
            else:
                with self._changed:
                    self._forwarded[batch.signal] += batch.items - refused
                    self._refused[batch.signal] += refused
                return True

    def _wait(self, seconds: float, until: float) -> bool:
        with self._changed:
            if self._closing:
                return False
            self._retries += 1
            self._changed.wait_for(lambda: self._closing, seconds)
        return time.monotonic() < until

    def _log_once(self, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}" if not isinstance(error, RetryableError | RefusedError) else str(error)
        with self._changed:
            repeated, self._last_error = self._last_error == text, text
        if not repeated:
            log.warning("cannot forward to %s: %s", self._transport.name, text)
