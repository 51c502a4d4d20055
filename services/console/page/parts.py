"""``/api/parts``: which parts are down, since when."""

import re
import threading
import time
from typing import Any

import msgspec
import requests
from flask import Blueprint

from vshop.kit.http.session import failure_reason, http_session
from vshop.kit.times import rfc3339_ms
from vshop.shop.addresses import Addresses

TIMEOUT_S = 5.0
"""Long, because an incident may slow a part down."""
_TIMES_FAILED = 2
_BEHIND = ("kafka", "dynamodb")
"""Without HTTP; services' readiness checks name them."""
_ANSWERS = ("ClientError", "ResourceNotFoundException")
"""Errors of a part that answers."""


class Parts:
    """The results of probing the parts."""

    def __init__(self, addresses: Addresses) -> None:
        self._urls = {
            "orders": addresses.orders,
            "auth-stub": addresses.auth,
            "stock-updater": addresses.stock,
            "observatory": addresses.observatory,
        }
        self._session = http_session("vshop-console", connections=len(self._urls))
        self._failures: dict[str, tuple[float, str, int]] = {}

    def down(self) -> list[dict[str, str]]:
        """Return ``{"part", "since", "reason"}`` for each part that is down."""
        failures = sorted(self._failures.items())
        return [
            {"part": part, "since": rfc3339_ms(since), "reason": reason}
            for part, (since, reason, times) in failures
            if times >= _TIMES_FAILED
        ]

    def probe(self) -> None:
        """Probe all parts at the same time, in daemon threads: a silent part must not hold the console's end."""
        found: list[dict[str, str]] = []
        threads = [
            threading.Thread(target=lambda part=part: found.append(self._probe(part)), name=f"probe-{part}", daemon=True)
            for part in self._urls
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.update(found)

    def update(self, found: list[dict[str, str]]) -> None:
        """Take one round: the reason by part that failed."""
        now = time.time()
        reasons: dict[str, str] = {}
        for one in found:
            reasons |= one
        before = self._failures
        failures = {}
        for part, reason in reasons.items():
            since, _, times = before.get(part, (now, reason, 0))
            failures[part] = (since, reason, times + 1)
        self._failures = failures

    def _probe(self, part: str) -> dict[str, str]:
        url = self._urls[part]
        try:
            response = self._session.get(f"{url}/readyz", timeout=TIMEOUT_S)
        except requests.RequestException as error:
            return {part: f"no answer at {url}: {failure_reason(error)}"}
        return {} if response.ok else _behind(part, response)


def _behind(part: str, response: requests.Response) -> dict[str, str]:
    """Other failed checks are symptoms of incidents."""
    try:
        checks = msgspec.json.decode(response.content)["checks"]
    except (msgspec.DecodeError, KeyError, TypeError):
        return {part: f"it answers {response.status_code} to /readyz"}
    failed = {name: str(checks[name]["seen"])[:200] for name in _BEHIND if name in checks and not checks[name]["ok"]}
    return {name: f"{part} reports {_plain(seen)}" for name, seen in failed.items() if not seen.startswith(_ANSWERS)}


def _plain(seen: str) -> str:
    found = re.search(r'str="([^"]+)', seen)
    return found[1] if found else seen


def blueprint(parts: Parts) -> Blueprint:
    """Make ``/api/parts``."""
    api = Blueprint("parts", __name__)

    @api.get("/api/parts")
    def show() -> dict[str, Any]:
        return {"down": parts.down()}

    return api
