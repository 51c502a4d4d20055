"""Monitoring as it used to be: host metrics here, log lines there, and nothing that leads from one to the other."""

from typing import Any

from flask import Blueprint

from console.page import asked
from console.page.host_metrics import HostMetrics
from console.page.upstream import Upstream

_SHOWN = ("time", "severity", "service", "body")


def blueprint(upstream: Upstream, host: HostMetrics) -> Blueprint:
    """Make ``/api/old-way``.

    Args:
        upstream: where the observatory is.
        host: the host's metrics.
    """
    api = Blueprint("old-way", __name__)

    @api.get("/api/old-way")
    def everything() -> dict[str, Any]:
        lines = upstream.get("observatory", "/api/logs", asked.given("search") | {"limit": 120})["records"]
        lag = upstream.get("observatory", "/api/metrics", {"name": "shop.consumer.lag", "points": 1})["series"]
        return {
            "host": host.told(),
            "kafka": {"partitions": len(lag)},
            # On purpose without their trace: that is what it was like.
            "lines": [{name: line[name] for name in _SHOWN} for line in reversed(lines)],
        }

    return api
