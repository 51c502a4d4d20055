"""Liveness and readiness that do work: ``GET /healthz`` and ``GET /readyz``."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, jsonify

Check = Callable[[], str]
"""Does one small piece of real work; returns what was seen; raises when it did not work."""


def blueprint(service: str, checks: Mapping[str, Check]) -> Blueprint:
    """Make the two endpoints.

    ``/healthz`` answers 200 while the process can answer at all (a failing dependency is no reason to restart it).
    ``/readyz`` runs every check and answers 200, or 503 when one failed, with what each saw:
    ``{"service", "status": "ready" | "not ready", "checks": {name: {"ok", "seen", "ms"}}}``.

    Args:
        service: the service's name.
        checks: by name, the work to do.
    """
    health = Blueprint("health", __name__)

    @health.get("/healthz")
    def live() -> dict[str, str]:
        return {"service": service, "status": "alive"}

    @health.get("/readyz")
    def ready() -> tuple[Response, int]:
        results = {name: _run(check) for name, check in checks.items()}
        ok = all(result["ok"] for result in results.values())
        return jsonify(service=service, status="ready" if ok else "not ready", checks=results), 200 if ok else 503

    return health


def _run(check: Check) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        seen, ok = check(), True
    except Exception as error:  # noqa: BLE001 - whatever fails in a check is the check's result
        seen, ok = f"{type(error).__name__}: {error}", False
    return {"ok": ok, "seen": seen, "ms": round((time.perf_counter() - started) * 1000, 1)}
