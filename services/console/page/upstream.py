"""Asks the parts of the shop on behalf of the page, so that a browser talks to the console alone."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec
import requests

from vshop.kit import json_text
from vshop.kit.http_session import http_session, why
from vshop.kit.problems import Problem
from vshop.kit.settings import Settings

Part = Literal["orders", "auth-stub", "stock-updater", "observatory"]
TIMEOUT_S = 20


class Answer(NamedTuple):
    """What a part answered: its status, headers, and body as JSON (None when it is none)."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Upstream:
    """The parts by name. Nothing connects until one is asked."""

    def __init__(self, settings: Settings) -> None:
        """Args: settings: hold the parts' addresses."""
        self._urls: dict[str, str] = {
            "orders": settings.orders_url.rstrip("/"),
            "auth-stub": settings.auth_url.rstrip("/"),
            "stock-updater": settings.stock_url.rstrip("/"),
            "observatory": settings.observatory_url.rstrip("/"),
        }
        self._session = http_session("vshop-console", connections=32)

    def get(self, part: Part, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Read JSON from a part.

        Raises:
            Problem: 502 or 503, naming the part as ``hop``; a 4xx of the part's is passed on.
        """
        answer = self.send("GET", part, path, params=params)
        if answer.status >= 400:
            said = answer.body if isinstance(answer.body, dict) else {}
            detail = said.get("detail") or said.get("message") or f"{part} answered {answer.status} to {path}."
            raise Problem(answer.status if answer.status < 500 else 502, str(detail), hop=part)
        if answer.body is None:
            raise Problem(502, f"{part} did not answer with JSON to {path}.", hop=part)
        return answer.body

    def send(self, method: str, part: Part, path: str, **options: Any) -> Answer:
        """Send any request to a part, whatever it answers.

        Raises:
            Problem: 503, naming the part as ``hop``, when it cannot be reached.
        """
        try:
            # A part that is slow on purpose is a lesson, not a failure of the page: it gets the time to answer.
            response = self._session.request(method, self._urls[part] + path, timeout=TIMEOUT_S, **options)
        except requests.RequestException as error:
            raise Problem(503, f"{part} cannot be reached at {self._urls[part]}: {why(error)}", hop=part) from error
        try:
            body = json_text.decode(response.content)
        except msgspec.DecodeError:
            body = None
        return Answer(response.status_code, response.headers, body)
