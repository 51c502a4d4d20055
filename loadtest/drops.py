"""Counts what telemetry says it lost itself: the exporters of the services, and the observatory."""

from typing import Any

import requests

from vshop.client import ShopClient, ShopError

_COUNTERS = {
    "otel.sdk.processor.span.processed": "spans that found no room in a service's queue",
    "otel.sdk.exporter.span.exported": "spans that a service could not export",
    "otel.sdk.processor.log.processed": "log records that found no room in a service's queue",
    "otel.sdk.exporter.log.exported": "log records that a service could not export",
}
_STORE = {"refusedSpans": "spans that the observatory refused", "droppedTraces": "old traces that made room in the observatory"}
MAKES_ROOM = _STORE["droppedTraces"]
"""No loss: each trace is judged while it is fresh."""


class Drops:
    """Adds up counters that begin anew whenever their process does; look now and then, points are not kept for ever."""

    def __init__(self, client: ShopClient) -> None:
        """Args: client: of the shop."""
        self._client = client
        self._seen: dict[tuple[str, ...], float] = {}
        self._lives, self._received = 0, 0
        self._before: dict[str, float] = {}
        self.look()
        self._before = self._sums()

    def look(self) -> None:
        """Take the counters as they are now; a shop whose observatory is away is looked at the next time."""
        try:
            for name, what in _COUNTERS.items():
                for series in self._client.metrics(name):
                    if "error.type" in series["attributes"]:
                        self._take(what, series)
            self._look_at_store()
        except (ShopError, requests.RequestException):
            return

    def lost(self) -> dict[str, int]:
        """Return what was counted since the beginning, by what it is; nothing that is 0."""
        return {
            what: int(count - self._before.get(what, 0))
            for what, count in self._sums().items()
            if count > self._before.get(what, 0)
        }

    def _take(self, what: str, series: dict[str, Any]) -> None:
        for point in series["points"]:
            life = (what, series["service"], str(sorted(series["attributes"].items())), str(point["startTime"]))
            self._seen[life] = max(point["value"], self._seen.get(life, 0))

    def _look_at_store(self) -> None:
        counts = self._client.telemetry()["traces"]
        self._lives += counts["receivedSpans"] < self._received  # then it is another process, which counts from 0
        self._received = counts["receivedSpans"]
        for name, what in _STORE.items():
            life = (what, "observatory", str(self._lives), "")
            self._seen[life] = max(counts[name], self._seen.get(life, 0))

    def _sums(self) -> dict[str, float]:
        sums: dict[str, float] = {}
        for (what, *_), count in self._seen.items():
            sums[what] = sums.get(what, 0) + count
        return sums
