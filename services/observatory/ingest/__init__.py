"""Receives telemetry: stores and forwards the requests of all protocols."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from observatory.forward import Forwarding
from observatory.ingest.faults import TelemetryFaults
from observatory.store import Stores
from observatory.store.otlp import SIGNALS, Signal


class Receiver:
    """Takes requests of all protocols, for the stores and the targets of forwarding."""

    def __init__(self, stores: Stores, forwarding: Forwarding, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.stores, self.forwarding, self.now_ns = stores, forwarding, now_ns
        self.faults = TelemetryFaults(self._deliver, now_ns)

    def receive(self, signal: Signal, message: Any, rejected: int = 0, errors: Sequence[str] = ()) -> Any:
        """Store and forward an ``Export…ServiceRequest``; return the response, whose partial success names everything rejected.

        ``rejected`` items could not be read, for the reasons in ``errors``.
        """
        reasons = list(errors)
        if signal == "logs":
            self._stamp(message)
        refused = self._deliver(signal, self.faults.apply(signal, message))
        if refused:
            rejected += refused
            reasons.append(f"{refused} spans were refused: a trace, span or parent id has the wrong length or is all zero.")
        response = SIGNALS[signal].response()
        if rejected or reasons:
            setattr(response.partial_success, SIGNALS[signal].rejected, rejected)
            response.partial_success.error_message = "; ".join(reasons).encode(errors="replace").decode()
        return response

    def _deliver(self, signal: Signal, message: Any) -> int:
        refused: int = getattr(self.stores, signal).add(message)
        self.forwarding.offer(signal, message)
        return refused

    def _stamp(self, message: Any) -> None:
        now_ns = self.now_ns()
        for _, _, records in SIGNALS["logs"].groups(message):
            for record in records:
                if not record.time_unix_nano:
                    record.observed_time_unix_nano = record.observed_time_unix_nano or now_ns
