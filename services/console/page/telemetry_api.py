"""Logs, alerts and the figures of the business, read from the observatory."""

from typing import Any

from flask import Blueprint

from console.page import asked
from console.page.insights import insights
from console.page.upstream import Upstream


def blueprint(upstream: Upstream) -> Blueprint:
    """Make ``/api/logs``, ``/api/alerts`` and ``/api/insights``.

    Args:
        upstream: where the observatory is.
    """
    api = Blueprint("telemetry", __name__)

    @api.get("/api/logs")
    def logs() -> Any:
        params = asked.given("traceId", "spanId", "service", "severity", "search", "since")
        return upstream.get("observatory", "/api/logs", params | {"limit": asked.number("limit", 200, 1, 1000)})

    @api.get("/api/alerts")
    def alerts() -> Any:
        return upstream.get("observatory", "/api/alerts", asked.given("since"))

    @api.get("/api/insights")
    def figures() -> dict[str, Any]:
        return insights(lambda name: upstream.get("observatory", "/api/metrics", {"name": name, "points": 240})["series"])

    return api
