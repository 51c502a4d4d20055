"""Serves ``GET /openapi.yaml`` (https://spec.openapis.org/oas/v3.1.0)."""

from pathlib import Path

from flask import Blueprint, Response


def blueprint(service: str) -> Blueprint:
    """Make the endpoint for the ``openapi.yaml`` next to a module."""
    description = Path(service).with_name("openapi.yaml").read_text(encoding="utf-8")
    openapi = Blueprint("openapi", __name__)

    @openapi.get("/openapi.yaml")
    def show() -> Response:
        return Response(description, mimetype="application/yaml")

    return openapi
