"""Reads JSON from other parts for the page."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import requests
from flask import Flask, Response

from vshop.kit.http import json_body, problems
from vshop.kit.http.problems import Problem
from vshop.kit.http.session import failure_reason, http_session
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopError
from vshop.shop.traces import TraceError

Part = Literal["stock-updater", "observatory"]
TIMEOUT_S = 20
"""Long, because an incident may slow a part down."""


class Upstream:
    """Reads from parts and passes their errors on."""

    def __init__(self, addresses: Addresses) -> None:
        self._urls: dict[Part, str] = {"stock-updater": addresses.stock, "observatory": addresses.observatory}
        self._session = http_session("vshop-console", connections=32)

    def get(self, part: Part, path: str, params: Mapping[str, Any] | None = None, kind: Any = Any) -> Any:
        """Read JSON. Raises Problem 502, 503 or the part's 4xx, with the part as ``hop``."""
        try:
            response = self._session.get(self._urls[part] + path, params=params, timeout=TIMEOUT_S)
        except requests.RequestException as error:
            raise Problem(503, f"{part} cannot be reached at {self._urls[part]}: {failure_reason(error)}", hop=part) from error
        try:
            body = json_body.decode(response.content, kind if response.ok else Any)
        except msgspec.DecodeError:
            body = None
        if response.status_code >= 400:
            fields = body if isinstance(body, dict) else {}
            detail = fields.get("detail") or fields.get("message") or f"{part} answered {response.status_code} to {path}."
            raise Problem(_status(response.status_code), str(detail), hop=part)
        if body is None:
            raise Problem(502, f"{part} did not answer with JSON to {path}.", hop=part)
        return body


def answer_shop_errors(app: Flask) -> None:
    """Answer errors of the shop's clients alike."""

    @app.errorhandler(ShopError)
    def _shop_error(error: ShopError) -> Response:
        return problems.answer(_status(error.status), str(error), hop=error.hop)

    @app.errorhandler(TraceError)
    def _trace_error(error: TraceError) -> Response:
        return problems.answer(_status(error.status), str(error), hop="observatory")


def _status(status: int | None) -> int:
    if status is None:
        return 503
    return status if 400 <= status < 500 else 502
