"""Readiness checks of a part or of addresses, one attempt each."""

import http.client
import json
import socket
import struct
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypedDict
from urllib.parse import urlsplit

from vshop.runtime.model.parts import Part

_TIMEOUT_S = 5.0
_API_VERSIONS = 18  # https://kafka.apache.org/protocol#The_Messages_ApiVersions


class ProbeResult(NamedTuple):
    """Result of one check of a part."""

    ready: bool
    detail: str


class UrlStatus(TypedDict):
    """Result of one check of an address."""

    url: str
    reached: bool
    ready: bool
    seen: str


class ReachableShop(TypedDict):
    """Status of a shop elsewhere. ``parts`` is empty if none was reached."""

    ready: bool
    parts: dict[str, UrlStatus]


def probe(part: Part, ports: Mapping[str, int]) -> ProbeResult:
    """Check a part once."""
    try:
        if part.name == "kafka":
            return _probe_kafka(ports["kafka"])
        url = f"http://127.0.0.1:{ports[next(iter(part.ports))]}"
        if part.name == "jaeger":
            return _probe_any_answer(url, "/api/services")
        return _probe_readyz(url) if part.reads_settings else _probe_any_answer(url)
    except ConnectionRefusedError:
        return ProbeResult(ready=False, detail="does not listen yet")
    except (OSError, http.client.HTTPException) as error:
        return ProbeResult(ready=False, detail=f"{type(error).__name__}: {error}")


def probe_urls(urls: Mapping[str, str]) -> dict[str, UrlStatus]:
    """Check base addresses once: ``traces`` with Jaeger's query API, the others with ``/readyz``."""
    with ThreadPoolExecutor(len(urls) or 1) as pool:
        return dict(zip(urls, pool.map(_probe_url, urls, urls.values()), strict=True))


def probe_shop(urls: Mapping[str, str]) -> ReachableShop:
    """Check every address once."""
    parts = probe_urls(urls)
    reached = any(part["reached"] for part in parts.values())
    return ReachableShop(ready=all(part["ready"] for part in parts.values()), parts=parts if reached else {})


def _probe_url(name: str, url: str) -> UrlStatus:
    try:
        status, body = _get(url, "/api/services" if name == "traces" else "/readyz")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return UrlStatus(url=url, reached=False, ready=False, seen=f"{type(error).__name__}: {error}")
    ready = status == http.client.OK
    return UrlStatus(
        url=url, reached=True, ready=ready, seen=_failing_checks(body) or (_ready(body) if ready else f"HTTP {status}")
    )


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


def _probe_any_answer(url: str, path: str = "/") -> ProbeResult:
    status, _ = _get(url, path)
    return ProbeResult(ready=status < http.client.INTERNAL_SERVER_ERROR, detail=f"answers HTTP {status}")


def _probe_readyz(url: str) -> ProbeResult:
    status, body = _get(url, "/readyz")
    if status == http.client.OK:
        return ProbeResult(ready=True, detail=_ready(body))
    return ProbeResult(ready=False, detail=_failing_checks(body) or f"GET /readyz: HTTP {status}")


def _failing_checks(body: bytes) -> str:
    try:
        checks = json.loads(body)["checks"]
        return "; ".join(f"{name}: {check['seen']}" for name, check in checks.items() if not check["ok"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _ready(body: bytes) -> str:
    try:
        return f"ready, telemetry: {json.loads(body)['checks']['telemetry']['seen']}"
    except (ValueError, KeyError, TypeError):
        return "ready"


def _probe_kafka(port: int) -> ProbeResult:
    # The port opens long before the broker answers.
    client = b"vshop"
    request = struct.pack(">hhih", _API_VERSIONS, 0, 1, len(client)) + client
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as answer:
            head = answer.read(10)
    if len(head) < 10:
        return ProbeResult(ready=False, detail="closes the connection")
    _, _, error = struct.unpack(">iih", head)
    return ProbeResult(ready=error == 0, detail="answers" if error == 0 else f"answers with error {error}")
