"""Replays a case into a fresh observatory, and verifies it there once more: what is written is what any tool will see."""

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from vshop import addresses
from vshop.client import ShopClient
from vshop.corpus.case_files import CaseFiles
from vshop.corpus.errors import ExportFailedError
from vshop.corpus.otlp import SIGNALS, Json
from vshop.corpus.rechecking import checks
from vshop.kit.http_session import http_session
from vshop.runtime.options import Options
from vshop.runtime.shop import Shop
from vshop.verify.finder import TraceFinder

_TIMEOUT_S = 30


class AnyTimeFinder(TraceFinder):
    """Searches all the time there ever was: a canonical corpus has dates of its own, and Jaeger looks two days back by itself."""

    def search(self, service: str, tags: dict[str, str]) -> list[str]:
        """Return the ids of the traces in which a service has a span with these attributes."""
        times = {"start": "1", "end": str(time.time_ns() // 1000)}
        return self._ids({"service": service, "tags": msgspec.json.encode(tags).decode(), **times})


class Replay:
    """An observatory of its own; a context manager."""

    def __init__(self, home: Path) -> None:
        """Args: home: folder for its state and log."""
        self._options = Options(free_ports=True, home=str(home), parts=("observatory",))
        self._session = http_session("vshop")

    def __enter__(self) -> Self:
        """Start it."""
        self._shop = Shop.start(self._options)
        where = addresses.find(self._shop.state.home, {})
        self._otlp, self._query = self._shop.addresses["otlp"], where.traces
        self._client, self._finder = ShopClient(where), AnyTimeFinder(where.traces)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop it."""
        self._shop.stop()

    def completed(self, case: CaseFiles) -> CaseFiles:
        """Send a case, verify it as it is read back, and add what Jaeger's API says of it.

        Raises:
            ExportFailedError: something that was seen is not in it.
        """
        failed = [check for check in self.verify(case) if not check.ok]
        if failed:
            told = "; ".join(map(str, failed))
            raise ExportFailedError(f"{case.id} was recorded, but does not verify when it is replayed. {told}")
        found = [self._jaeger(one) for one in dict.fromkeys(trace["traceId"] for trace in case.truth["traces"])]
        return msgspec.structs.replace(case, jaeger={"data": found, "total": len(found), "limit": 0, "offset": 0, "errors": None})

    def verify(self, case: CaseFiles) -> list[Any]:
        """Send a case and hold what is read back against its file; returns the checks."""
        for signal in SIGNALS:
            self._send(signal, case.signals[signal])
        return checks(case.truth, case.signals["metrics"], self._client, self._finder)

    def _send(self, signal: str, content: Json) -> None:
        answer = self._session.post(f"{self._otlp}/v1/{signal}", json=content, timeout=_TIMEOUT_S)
        answer.raise_for_status()

    def _jaeger(self, trace_id: str) -> Json:
        answer = self._session.get(f"{self._query}/api/traces/{trace_id}", timeout=_TIMEOUT_S)
        answer.raise_for_status()
        return dict(answer.json()["data"][0])
