"""The parts of the shop and their default ports."""

import importlib.util
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from vshop.kit.settings import Settings
from vshop.runtime.model.errors import unknown_name

_DEFAULTS = Settings()
_GRPC = {"otlp_grpc": _DEFAULTS.otlp_grpc_port} if importlib.util.find_spec("grpc") else {}
_NO_GRPC = {"SHOP_OTLP_GRPC_PORT": "0"}
_BESIDE_JAEGER_PORT = 16687


class Part(NamedTuple):
    """One process of the shop. Templates hold port names in braces, e.g. ``{orders}``."""

    name: str
    kind: Literal["backend", "service"]
    ports: Mapping[str, int]
    """The shop's own programs read ``SHOP_<NAME>_PORT``."""
    url: str
    variables: Mapping[str, str] = {}
    """Templates of what points other parts to this one."""
    module: str = ""

    @property
    def reads_settings(self) -> bool:
        """Whether this program reads ``SHOP_*`` and serves ``GET /readyz``."""
        return bool(self.module) and not self.module.startswith("vshop.")

    @property
    def may_have_agent(self) -> bool:
        """Not the console, whose telemetry would name the incidents."""
        return self.kind == "service" and self.name != "console"


def _service(name: str, port: str) -> Part:
    url = f"http://127.0.0.1:{{{port}}}"
    number = getattr(_DEFAULTS, f"{port}_port")
    return Part(name, "service", {port: number}, url, {f"SHOP_{port.upper()}_URL": url}, name.replace("-", "_"))


PARTS = (
    Part("kafka", "backend", {"kafka": 9092}, "127.0.0.1:{kafka}", {"SHOP_KAFKA_BOOTSTRAP": "127.0.0.1:{kafka}"}),
    Part(
        "dynamodb",
        "backend",
        {"dynamodb": 8000},
        "http://127.0.0.1:{dynamodb}",
        {"SHOP_DYNAMODB_ENDPOINT": "http://127.0.0.1:{dynamodb}"},
        "vshop.runtime.backends.moto_server",
    ),
    Part(
        "observatory",
        "backend",
        {"query": _DEFAULTS.query_port, "otlp": _DEFAULTS.otlp_port, **_GRPC},
        "http://127.0.0.1:{query}",
        {
            **({} if _GRPC else _NO_GRPC),
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:{otlp}",
            "SHOP_OBSERVATORY_URL": "http://127.0.0.1:{query}",
            "SHOP_TRACE_URL": "http://127.0.0.1:{query}/trace/{{traceId}}",
        },
        "observatory",
    ),
    Part(
        "jaeger",
        "backend",
        {"jaeger": _DEFAULTS.query_port, "otlp": _DEFAULTS.otlp_port, "otlp_grpc": _DEFAULTS.otlp_grpc_port},
        "http://127.0.0.1:{jaeger}",
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:{otlp}", "SHOP_TRACE_URL": "http://127.0.0.1:{jaeger}/trace/{{traceId}}"},
    ),
    _service("auth-stub", "auth"),
    _service("orders", "orders"),
    _service("stock-updater", "stock"),
    _service("console", "console"),
)
"""In display order. Services stop before backends."""

NAMES = tuple(part.name for part in PARTS if part.name != "jaeger")
"""What ``vshop up`` starts by default."""

_BESIDE_JAEGER = Part(
    "observatory",
    "backend",
    {"query": _BESIDE_JAEGER_PORT},
    "http://127.0.0.1:{query}",
    {**_NO_GRPC, "SHOP_OTLP_PORT": "{query}", "SHOP_OBSERVATORY_URL": "http://127.0.0.1:{query}"},
    "observatory",
)
PUBLISHED = {
    "orders": ("orders", _DEFAULTS.orders_port),
    "auth": ("auth-stub", _DEFAULTS.auth_port),
    "stock": ("stock-updater", _DEFAULTS.stock_port),
    "console": ("console", _DEFAULTS.console_port),
    "traces": ("jaeger", _DEFAULTS.query_port),
    "observatory": ("observatory", _BESIDE_JAEGER_PORT),
}
"""Container or Kubernetes Service, and its port, by field of ``vshop.shop.addresses.Addresses``."""


def select(names: Iterable[str]) -> list[Part]:
    """Return the parts of these names, in the table's order, or raise UnknownNameError."""
    wanted = set(names)
    known = [part.name for part in PARTS]
    for name in sorted(wanted.difference(known)):
        raise unknown_name(name, known, "part")
    listed = [part for part in PARTS if part.name in wanted]
    return [_BESIDE_JAEGER if part.name == "observatory" and "jaeger" in wanted else part for part in listed]
