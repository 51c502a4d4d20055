"""One target of forwarding: a bounded queue, a thread that empties it, tries again what may pass, and counts what is lost."""

import logging
import random
import threading
import time
from collections import Counter, deque
from typing import Any, Literal, Protocol

import msgspec

log = logging.getLogger("observatory.forward")

Signal = Literal["traces", "logs", "metrics"]

MAX_QUEUED_BYTES = 32 * 1024 * 1024
TRY_FOR_S = 60.0
"""How long one request is tried again before it is given up."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
CLOSE_WITHIN_S = 2.0


class Batch(msgspec.Struct, frozen=True, gc=False):
    """One request to hand on: its signal, the ``Export…ServiceRequest`` serialised, and how many items it has."""

    signal: Signal
    body: bytes
    items: int


class TryAgainError(Exception):
    """The target cannot take it now (429, 502, 503, 504, no connection); ``after_s`` is what it asked for, in seconds."""

    def __init__(self, message: str, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class RefusedError(Exception):
    """The target will never take it."""


class Transport(Protocol):
    """How a target is spoken to; used by one thread only."""

    name: str
    """Where it goes, as a person would write it; without secrets."""

    def send(self, batch: Batch) -> int:
        """Hand one request over.

        Returns:
            How many of its items the target refused (OTLP's partial success).

        Raises:
            TryAgainError: it may pass.
            RefusedError: it will not.
        """

    def close(self) -> None:
        """Let go of connections and files."""


class Target:
    """A queue and its thread."""

    def __init__(self, transport: Transport, *, max_bytes: int = MAX_QUEUED_BYTES, try_for_s: float = TRY_FOR_S) -> None:
        """Prepare; nothing is sent before ``start``.

        Args:
            transport: how to send.
            max_bytes: bytes that may wait; what comes while there is no room is dropped, and counted.
            try_for_s: how long one request is tried again, in seconds.
        """
        self._transport = transport
        self._max_bytes, self._try_for_s = max_bytes, try_for_s
        self._changed = threading.Condition()
        self._queue: deque[Batch] = deque()
        self._bytes = 0
        self._forwarded: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._retries = 0
        self._last_error: str | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f"forward-{transport.name}", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def offer(self, batch: Batch) -> None:
        """Queue a request, or count it as dropped where there is no room; never waits."""
        with self._changed:
            if self._bytes + len(batch.body) > self._max_bytes or self._closing:
                self._dropped[batch.signal] += batch.items
                return
            self._queue.append(batch)
            self._bytes += len(batch.body)
            self._changed.notify_all()

    def close(self) -> None:
        """Take nothing more; what is queued is sent, but hardly waited for."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join(CLOSE_WITHIN_S + 1)

    def counts(self) -> dict[str, Any]:
        """Tell what became of spans, log records and metric points."""
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
                self._bytes -= len(batch.body)
                if not delivered:
                    self._dropped[batch.signal] += batch.items
        self._transport.close()

    def _next(self) -> Batch | None:
        # It stays in the queue until it is done with, so that what is on its way counts as waiting.
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            return self._queue[0] if self._queue else None

    def _deliver(self, batch: Batch) -> bool:
        pause_s, until = FIRST_PAUSE_S, time.monotonic() + self._try_for_s
        while True:
            try:
                refused = self._transport.send(batch)
            except TryAgainError as error:
                wait_s = max(error.after_s, pause_s * random.uniform(0.8, 1.2))  # noqa: S311 - chance, not secrecy
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
                self._note(error)
                if not self._wait(wait_s, until):
                    return False
            except Exception as error:  # noqa: BLE001 - whatever a target does, the thread goes on with the next request
                self._note(error)
                return False
            else:
                with self._changed:
                    self._forwarded[batch.signal] += batch.items - refused
                    self._refused[batch.signal] += refused
                return True

    def _wait(self, seconds: float, until: float) -> bool:
        """Wait before the next try; False when there is none. Closing cuts the wait short, and allows one last try."""
        with self._changed:
            if self._closing:
                return False
            self._retries += 1
            self._changed.wait_for(lambda: self._closing, seconds)
        return time.monotonic() < until

    def _note(self, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}" if not isinstance(error, TryAgainError | RefusedError) else str(error)
        with self._changed:
            told, self._last_error = self._last_error == text, text
        if not told:
            log.warning("cannot hand on to %s: %s", self._transport.name, text)
