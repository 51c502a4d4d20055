"""Rewrites whatever tells of one run in texts and attributes: ids, ports, times, addresses in memory, places of files."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from vshop.corpus.naming import Names
from vshop.corpus.otlp import Json

_DEFAULT_PORTS = {
    "orders": 8080, "auth": 8081, "stock": 8082, "console": 8090, "otlp": 4318, "query": 16686, "kafka": 9092, "dynamodb": 8000,
}  # fmt: skip
_OTHER_PORT = 50000
"""Any port that the system chose for the moment."""

_PORT_KEYS = {"server.port", "client.port", "network.peer.port", "network.local.port"}
_FIXED = {"host.name": "virtual-shop", "aws.request_id": "REQUEST"}

_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_ID = re.compile(r"\b(?:[0-9a-f]{32}|[0-9a-f]{16})\b")
_PORT = re.compile(r"(?:(?<=127\.0\.0\.1:)|(?<=localhost:)|(?<=port=))\d+\b")
_MOMENT = re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_HTTP_DATE = re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} 20\d\d \d\d:\d\d:\d\d GMT")
_MEMORY = re.compile(r"\b0x[0-9a-f]{6,16}\b")
_FILE = re.compile(r'(?<=File ")[^"]+(?=")')
_PLACES = (
    ("/_services/", "services/"),
    ("/services/", "services/"),
    ("/src/vshop/", "vshop/"),
    ("/site-packages/", ""),
    ("/lib/python", "lib/python"),
)
"""Folders that files of a stack trace lie in, and what they are called instead; the first that fits counts."""


class Rewriter:
    """Rewrites the texts of one case."""

    def __init__(self, names: Names, ports: Mapping[str, int]) -> None:
        """Args: names: names ids. ports: the run's ports, by their names."""
        self.names = names
        self._ports = {number: _DEFAULT_PORTS.get(name, _OTHER_PORT) for name, number in ports.items()}
        self.moment_ns = 0
        """What the next texts' dates become."""

    def attributes(self, pairs: list[Json]) -> list[Json]:
        """Rewrite OTLP's attributes."""
        return [{"key": pair["key"], "value": self._value(pair["key"], pair["value"])} for pair in pairs]

    def owner(self, item: Json) -> Json:
        """Rewrite the attributes of whatever has some: a resource, a scope, an event, a point."""
        return item | ({"attributes": self.attributes(item["attributes"])} if "attributes" in item else {})

    def deep(self, value: Any) -> Any:
        """Rewrite every text in plain JSON."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.deep(one) for one in value]
        return {key: self.deep(one) for key, one in value.items()} if isinstance(value, dict) else value

    def text(self, text: str) -> str:
        """Rewrite one text."""
        text = _UUID.sub(lambda found: self.names.uuid(found[0]), text)
        text = _ID.sub(lambda found: self.names.hexadecimal(found[0]), text)
        text = _PORT.sub(lambda found: str(self._ports.get(int(found[0]), _OTHER_PORT)), text)
        text = _MOMENT.sub(self._moment, text)
        text = _HTTP_DATE.sub(lambda _: format_datetime(self._now(), usegmt=True), text)
        text = _MEMORY.sub("0x7f0000000000", text)
        return _FILE.sub(lambda found: _place(found[0]), text)

    def _value(self, key: str, value: Json) -> Json:
        if key in _FIXED:
            return {"stringValue": _FIXED[key]}
        if key in _PORT_KEYS and "intValue" in value:
            return {"intValue": str(self._ports.get(int(value["intValue"]), _OTHER_PORT))}
        if "stringValue" in value:
            return {"stringValue": self.text(value["stringValue"])}
        if "arrayValue" in value:
            return {"arrayValue": {"values": [self._value(key, one) for one in value["arrayValue"].get("values", [])]}}
        return value

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.moment_ns // 1_000_000_000, UTC)

    def _moment(self, found: re.Match[str]) -> str:
        digits = len(found[1]) - 1 if found[1] else 0
        fraction = f".{self.moment_ns % 1_000_000_000:09d}"[: digits + 1] if digits else ""
        return f"{self._now():%Y-%m-%dT%H:%M:%S}{fraction}{found[2]}"


def _place(file: str) -> str:
    """Name a file of a stack trace by what it is, not by where it lies on one machine."""
    for folder, name in _PLACES:
        _, found, rest = file.rpartition(folder)
        if found:
            return name + rest if folder != "/lib/python" else f"{name}/{rest.partition('/')[2]}"
    return file.rpartition("/")[2]
