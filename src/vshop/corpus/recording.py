"""Records one incident: switches it on, sends its trigger, and keeps everything that was seen of it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from vshop.client import Placed, ShopClient
from vshop.corpus.errors import ExportFailedError
from vshop.corpus.metric_steps import Standing, steps
from vshop.corpus.otlp import Row
from vshop.corpus.tail import Tail
from vshop.first_order import follow
from vshop.incidents.incident import Incident
from vshop.verify.broken import Broken, before, broken
from vshop.verify.finder import TraceFinder
from vshop.verify.metric_reading import settle
from vshop.verify.pace import Pace
from vshop.verify.recovered import recovered
from vshop.verify.scene import Scene
from vshop.verify.sending import judged
from vshop.verify.stage import Stage

_WRITTEN_WITHIN_S = 15.0


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of one incident while it was on."""

    incident: Incident
    scope: str
    orders: list[Placed]
    judged: list[Placed]
    scenes: list[Scene]
    """One for each order, in their order; only the judged ones must show what is expected."""
    traces: list[Row]
    logs: list[Row]
    metrics: list[Row]


class Recorder:
    """Records incidents one after the other, on a shop of its own whose observatory writes files."""

    def __init__(self, client: ShopClient, traces: TraceFinder, folder: Path) -> None:
        """Args: client: the shop. traces: where its traces are read. folder: its ``SHOP_EXPORT_DIR``."""
        self._client = client
        self._finder = traces
        self._pace = Pace()
        self._spans, self._logs, self._metrics = (Tail(folder, signal) for signal in ("traces", "logs", "metrics"))
        self._standing = Standing()

    def record(self, incident: Incident) -> Recording:
        """Record one incident; the shop is whole again afterwards.

        Raises:
            ExportFailedError: it did not show what its file says.
        """
        follow(self._client, self._finder, 30.0)  # the last one's end is over and done with
        stage = Stage(incident, self._client, self._finder, self._pace)
        start = before(stage)
        self._drain()
        scope = "none" if incident.switch is None else "global" if "global" in incident.switch.scope else "request"
        try:
            if scope == "global":
                self._client.switch_on(incident.id, duration="300s")
            seen = broken(stage, start, lambda: None, incident.id if scope == "request" else None)
            _demand(incident, seen.checks)
            recording = self._taken(stage, seen, scope)
        finally:
            if scope == "global":
                self._client.switch_off(incident.id)
        if incident.recovery is not None:
            _demand(incident, recovered(stage, start, seen))
        return recording

    def _taken(self, stage: Stage, seen: Broken, scope: str) -> Recording:
        """Gather what there is to see while the incident is still on."""
        standing = self._standing.snapshot()
        scenes = stage.look(seen.orders)
        settle(self._client, self._pace, self._pace.now())
        spans = self._gather({one.span.span_id for scene in scenes for one in scene.spans})
        logs = self._logs_of({trace_id for scene in scenes for trace_id in scene.trace_ids})
        self._standing.take(self._metrics.new())
        return Recording(
            incident=stage.incident,
            scope=scope,
            orders=seen.orders,
            judged=judged(stage.incident.trigger, seen.orders),
            scenes=scenes,
            traces=spans,
            logs=logs,
            metrics=steps(standing, self._standing.snapshot()),
        )

    def _gather(self, wanted: set[str]) -> list[Row]:
        """Wait until every span that was seen is in the file, and return them."""
        found: dict[str, Row] = {}

        def all_there() -> bool:
            found.update({row.item["spanId"]: row for row in self._spans.new() if row.item["spanId"] in wanted})
            return wanted <= found.keys()

        if not self._pace.until(all_there, _WRITTEN_WITHIN_S):
            raise ExportFailedError(f"{len(wanted - found.keys())} spans that were seen did not come to the export's files.")
        return list(found.values())

    def _logs_of(self, trace_ids: set[str]) -> list[Row]:
        return [row for row in self._logs.new() if row.item.get("traceId") in trace_ids]

    def _drain(self) -> None:
        """Read past everything that happened before."""
        for _ in (*self._spans.new(), *self._logs.new()):
            pass
        self._standing.take(self._metrics.new())


def _demand(incident: Incident, checks: Iterable[Any]) -> None:
    failed = [check for check in checks if not check.ok]
    if failed:
        told = "; ".join(map(str, failed))
        raise ExportFailedError(f"{incident.id} did not show what its file says, and cannot be recorded. {told}")
