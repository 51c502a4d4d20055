"""Flushes services, so that the telemetry of answered orders is complete."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from vshop.kit.telemetry import SHOP_SERVICES
from vshop.kit.times import Clock
from vshop.shop.addresses import Addresses
from vshop.shop.errors import ShopError

_UNFINISHED = {
    "requests": "requests in progress",
    "waiting": "unprocessed records",
    "lost": "spans or log records not acknowledged",
}
_INSTANCES_FOR_S = 5.0


class Flush(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a flush.

    It is not ``possible`` with several replicas, an unreachable service or a real Jaeger. ``reason`` says why telemetry may be
    incomplete.
    """

    possible: bool
    reason: str = ""

    @property
    def complete(self) -> bool:
        """Whether all telemetry so far can be read now."""
        return self.possible and not self.reason


class Flusher:
    """Flushes the services of one shop."""

    def __init__(self, addresses: Addresses, call: Callable[..., Any]) -> None:
        self._addresses = addresses
        self._call = call
        self._clock = Clock()
        self._instances_read_at = -_INSTANCES_FOR_S
        self._several: str | None = None

    def flush(
        self,
        parts: Sequence[str] = SHOP_SERVICES,
        *,
        traces: Sequence[str] | None = None,
        offsets: Mapping[int, int] | None = None,
        within_s: float = 10.0,
        metrics: bool = True,
    ) -> Flush:
        """Make services export their telemetry, and wait until the receiver has acknowledged it.

        They wait only for requests in ``traces``, if given, and until the consumer reaches ``offsets``, by partition, or else the
        topic's end. A part that cannot flush is a reason in the result.
        """
        unfinished = []
        try:
            several = self._several_instances()
            if several is not None:
                return Flush(possible=False, reason=f"{several} runs as several instances, and a flush reaches one of them")
            for part in parts:
                body: dict[str, Any] = {"within": within_s, "traces": None if traces is None else list(traces)}
                if not metrics:
                    body["metrics"] = False
                if part == "stock-updater" and offsets is not None:
                    body["offsets"] = {str(partition): offset for partition, offset in offsets.items()}
                answer = self._call(part, "POST", "/flush", json=body)
                unfinished += [
                    f"{part} after {within_s:g} s: {text} {answer[what]}" for what, text in _UNFINISHED.items() if answer[what]
                ]
        except ShopError as error:
            return Flush(possible=False, reason=f"{error.hop} cannot flush: {error}")
        except KeyError as error:
            return Flush(possible=False, reason=f"{part} cannot flush: its answer has no {error}")
        if self._addresses.traces != self._addresses.observatory:
            return Flush(possible=False, reason="traces are read from Jaeger, and what lies before its store cannot be flushed")
        return Flush(possible=True, reason="; ".join(unfinished))

    def _several_instances(self) -> str | None:
        if self._clock.monotonic() - self._instances_read_at > _INSTANCES_FOR_S:
            followers = self._call("console", "GET", "/chaos")["followers"]
            counts = Counter(name.partition("/")[0] for name in followers)
            self._several = next((service for service, count in counts.items() if count > 1), None)
            self._instances_read_at = self._clock.monotonic()
        return self._several
