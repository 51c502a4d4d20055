"""Dialects: the spelling of attributes, and where exceptions are recorded, by the variables of OpenTelemetry's libraries.

https://opentelemetry.io/docs/specs/semconv/non-normative/http-migration/
https://opentelemetry.io/docs/specs/semconv/exceptions/
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any, Literal
from urllib.parse import urlsplit

Convention = Literal["http", "database", "messaging"]
Form = Literal["old", "dup", "stable"]
Exceptions = Literal["event", "log", "both"]

STABILITY = "OTEL_SEMCONV_STABILITY_OPT_IN"
OPT_IN: Mapping[Form, str] = {"old": "old", "dup": "http/dup,database/dup", "stable": "http,database"}
_EXCEPTION_SIGNAL = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN"

SPELLINGS: Mapping[str, dict[str, str]] = {
    "http": {
        "http.request.method": "http.method",
        "http.response.status_code": "http.status_code",
        "http.request.body.size": "http.request_content_length",
        "http.response.body.size": "http.response_content_length",
        "url.full": "http.url",
        "url.path": "http.target",
        "url.scheme": "http.scheme",
        "user_agent.original": "http.user_agent",
        "network.protocol.version": "http.flavor",
    },
    "http server": {
        "server.address": "net.host.name",
        "server.port": "net.host.port",
        "client.address": "net.peer.ip",
        "client.port": "net.peer.port",
    },
    "http client": {"server.address": "net.peer.name", "server.port": "net.peer.port"},
    "database": {
        "db.system.name": "db.system",
        "db.operation.name": "db.operation",
        "db.collection.name": "aws.dynamodb.table_names",
        "db.response.status_code": "error.type",
    },
    "messaging": {
        "messaging.operation.type": "messaging.operation",
        "messaging.operation.name": "messaging.operation",
        "messaging.client.id": "messaging.client_id",
        "messaging.consumer.group.name": "messaging.kafka.consumer.group",
        "messaging.destination.partition.id": "messaging.kafka.destination.partition",
        "messaging.kafka.offset": "messaging.kafka.message.offset",
    },
}
"""Old names by stable names. Messaging: as in version 1.24.0 of the conventions."""

OLD_NAMES = frozenset(old for table in SPELLINGS.values() for old in table.values())

_PARTITION = "messaging.destination.partition.id"


def form(convention: Convention) -> Form:
    """Return the form of a convention's attributes. Messaging follows HTTP unless it is named."""
    return _form(convention, os.environ.get(STABILITY) or OPT_IN["stable"])


@cache
def _form(convention: Convention, given: str) -> Form:
    words = {word.strip() for word in given.lower().split(",")}
    if convention == "messaging" and not words & {"messaging", "messaging/dup"}:
        convention = "http"
    return "dup" if f"{convention}/dup" in words else "stable" if convention in words else "old"


def exceptions(setting: Exceptions) -> Exceptions:
    """Return where exceptions are recorded: by ``SHOP_EXCEPTIONS``, else by OpenTelemetry's variable."""
    words = {word.strip() for word in os.environ.get(_EXCEPTION_SIGNAL, "").split(",")}
    if os.environ.get("SHOP_EXCEPTIONS") or not words & {"logs", "logs/dup"}:
        return setting
    return "both" if "logs/dup" in words else "log"


def spell(convention: Convention, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes in the chosen spelling, except a database call's old names: its library always writes them."""
    chosen = form(convention)
    if chosen == "stable":
        return dict(attributes)
    table = {**SPELLINGS[convention], **SPELLINGS.get(f"{convention} server", {})}
    found = {name: value for name, value in attributes.items() if chosen == "dup" or name not in table}
    if convention != "database":
        found |= {table[name]: _old_value(name, value) for name, value in attributes.items() if name in table}
    return found


def stable(kind: str, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a span's attributes under their stable names."""
    if "http.method" in attributes:
        table: Mapping[str, str] = {**SPELLINGS["http"], **SPELLINGS.get(f"http {kind.lower()}", {})}
    elif "messaging.operation" in attributes:
        table = SPELLINGS["messaging"]
    elif "db.system" in attributes and "db.system.name" not in attributes:
        table = SPELLINGS["database"]
    else:
        return attributes
    found = {name: _stable_value(name, attributes[old]) for name, old in table.items() if old in attributes}
    if kind == "CLIENT":
        with suppress(ValueError):  # an attribute may hold anything
            url = urlsplit(str(attributes.get("http.url", "")))
            if url.hostname:
                port = url.port or {"http": 80, "https": 443}.get(url.scheme)
                found = {"server.address": url.hostname, "server.port": port} | found
    status = attributes.get("http.status_code", 0)
    if "http.method" in attributes and isinstance(status, int) and status >= (500 if kind == "SERVER" else 400):
        found["error.type"] = str(status)
    return {**found, **attributes}


def _old_value(name: str, value: Any) -> Any:
    if name == _PARTITION:
        return int(value)
    return "publish" if value == "send" else value


def _stable_value(name: str, value: Any) -> Any:
    match name:
        case "db.system.name":
            return "aws.dynamodb" if value == "dynamodb" else value
        case "db.collection.name":
            return value[0] if isinstance(value, list | tuple) and value else value
        case "url.path":
            return str(value).partition("?")[0]
        case "messaging.destination.partition.id":
            return str(value)
    return "send" if name.startswith("messaging.operation") and value == "publish" else value
