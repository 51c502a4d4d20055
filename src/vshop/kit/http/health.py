"""The endpoints of every service: ``/healthz`` (liveness), ``/readyz`` (readiness, which does real work), ``/openapi.yaml``."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify

Check = Callable[[], str]
"""Does a small piece of real work and describes its result, or raises."""


class DegradedError(Exception):
    """The service works, but something holds it up. It stays ready."""


def blueprint(service: str, checks: Mapping[str, Check], module: str) -> Blueprint:
    """Make the endpoints. The ``openapi.yaml`` (https://spec.openapis.org/oas/v3.1.0) is next to the module's file.

    ``/healthz`` answers 200 always: a failing dependency is no reason to restart. ``/readyz`` runs every check and answers 200, or
    503 if one failed: ``{"service", "status": "ready" | "degraded" | "not ready", "checks": {name: {"ok", "seen", "ms"}}}``.
    DegradedError counts as ok.
    """
    health = Blueprint("health", __name__)
    description = Path(module).with_name("openapi.yaml").read_text(encoding="utf-8")

    @health.get("/healthz")
    def live() -> dict[str, str]:
        return {"service": service, "status": "alive"}

    @health.get("/readyz")
    def ready() -> tuple[Response, int]:
        results = {name: _run(check) for name, check in checks.items()}
        ok = all(result["ok"] for result in results.values())
        degraded = [name for name, result in results.items() if result.pop("degraded")]
        status = "not ready" if not ok else "degraded" if degraded else "ready"
        return jsonify(service=service, status=status, checks=results), 200 if ok else 503

    @health.get("/openapi.yaml")
    def describe() -> Response:
        return Response(description, mimetype="application/yaml")

    return health


def _run(check: Check) -> dict[str, Any]:
    started = time.perf_counter()
    degraded = False
    try:
        seen, ok = check(), True
    except DegradedError as error:
        seen, ok, degraded = str(error), True, True
    except Exception as error:  # noqa: BLE001 - any error is the check's result
        seen, ok = f"{type(error).__name__}: {error}", False
    return {"ok": ok, "degraded": degraded, "seen": seen, "ms": round((time.perf_counter() - started) * 1000, 1)}
