"""Readiness checks of a part or of addresses, one attempt each."""

import http.client
import json
import socket
import struct
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from vshop.runtime.model.parts import Part

_TIMEOUT_S = 5.0
_API_VERSIONS = 18  # https://kafka.apache.org/protocol#The_Messages_ApiVersions


def probe(part: Part, ports: Mapping[str, int]) -> tuple[bool, str]:
    """Check a part once. Return whether it is ready, and what was seen."""
    try:
        if part.name == "kafka":
            return _probe_kafka(ports["kafka"])
        url = f"http://127.0.0.1:{ports[next(iter(part.ports))]}"
        if part.reads_settings:
            return _judge(*_get(url, "/readyz"), "GET /readyz: ")
        status, _ = _get(url, "/api/services" if part.name == "jaeger" else "/")
    except ConnectionRefusedError:
        return False, "does not listen yet"
    except (OSError, http.client.HTTPException) as error:
        return False, f"{type(error).__name__}: {error}"
    return status < http.client.INTERNAL_SERVER_ERROR, f"answers HTTP {status}"


def probe_urls(urls: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Check base addresses once: ``traces`` with Jaeger's query API, the others with ``/readyz``.

    Returns by name: ``url``, ``reached``, ``ready``, and ``seen`` in words.
    """
    with ThreadPoolExecutor(len(urls) or 1) as pool:
        return dict(zip(urls, pool.map(_probe_url, urls, urls.values()), strict=True))


def probe_shop(urls: Mapping[str, str]) -> dict[str, Any]:
    """Check every address once. ``ready`` for the whole shop, and ``parts`` by name, which is empty if none was reached."""
    parts = probe_urls(urls)
    reached = any(part["reached"] for part in parts.values())
    return {"ready": all(part["ready"] for part in parts.values()), "parts": parts if reached else {}}


def _probe_url(name: str, url: str) -> dict[str, Any]:
    try:
        ready, seen = _judge(*_get(url, "/api/services" if name == "traces" else "/readyz"))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return {"url": url, "reached": False, "ready": False, "seen": f"{type(error).__name__}: {error}"}
    return {"url": url, "reached": True, "ready": ready, "seen": seen}


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


def _judge(status: int, body: bytes, asked: str = "") -> tuple[bool, str]:
    """Read the answer of a health check, which has ``checks`` in its body."""
    ready = status == http.client.OK
    try:
        checks = json.loads(body)["checks"]
        failing = "; ".join(f"{name}: {check['seen']}" for name, check in checks.items() if not check["ok"])
        telemetry = f", telemetry: {checks['telemetry']['seen']}" if "telemetry" in checks else ""
    except (ValueError, KeyError, TypeError, AttributeError):
        failing = telemetry = ""
    return ready, failing or (f"ready{telemetry}" if ready else f"{asked}HTTP {status}")


def _probe_kafka(port: int) -> tuple[bool, str]:
    # The port opens long before the broker answers.
    client = b"vshop"
    request = struct.pack(">hhih", _API_VERSIONS, 0, 1, len(client)) + client
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT_S) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        with connection.makefile("rb") as answer:
            head = answer.read(10)
    if len(head) < 10:
        return False, "closes the connection"
    _, _, error = struct.unpack(">iih", head)
    return error == 0, "answers" if error == 0 else f"answers with error {error}"
