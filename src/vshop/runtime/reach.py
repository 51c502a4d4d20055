"""Whether the parts of a shop that runs elsewhere can be reached and are ready, by their addresses alone."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict
from urllib.parse import urlsplit

_TIMEOUT_S = 5.0


class PartReached(TypedDict):
    """One part."""

    url: str
    reached: bool
    ready: bool
    seen: str
    """What it answered, or why it did not."""


def look(urls: dict[str, str]) -> dict[str, PartReached]:
    """Ask every part whether it is ready.

    Args:
        urls: base addresses by name; ``traces`` is asked as Jaeger's query API, the others for ``/readyz``.
    """
    with ThreadPoolExecutor(len(urls) or 1) as pool:
        return dict(zip(urls, pool.map(_look, urls, urls.values()), strict=True))


def _look(name: str, url: str) -> PartReached:
    try:
        status, body = _get(url, "/api/services" if name == "traces" else "/readyz")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return PartReached(url=url, reached=False, ready=False, seen=f"{type(error).__name__}: {error}")
    return PartReached(url=url, reached=True, ready=status == http.client.OK, seen=_seen(status, body))


def _get(url: str, path: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.netloc, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", parts.path.rstrip("/") + path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _seen(status: int, body: bytes) -> str:
    try:
        checks = json.loads(body)["checks"]
        return "; ".join(f"{name}: {check['seen']}" for name, check in checks.items() if not check["ok"]) or "ready"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "ready" if status == http.client.OK else f"HTTP {status}"
