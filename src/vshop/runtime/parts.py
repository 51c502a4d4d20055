"""The parts of the shop, as data: adding one is one entry."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from vshop.runtime.errors import name_near


class Part(NamedTuple):
    """One process of the shop. Templates name ports in braces, e.g. ``{orders}``."""

    name: str
    kind: Literal["backend", "service"]
    ports: Mapping[str, int]
    """Its ports and their defaults. One of our programs reads each from ``SHOP_<PORT>_PORT``."""
    url: str
    """Template of its address as a person would write it."""
    gives: Mapping[str, str] = {}
    """Templates of the variables by which the other parts find it."""
    module: str = ""
    """Run as ``python -m``; Kafka and Jaeger have none."""

    @property
    def reads_settings(self) -> bool:
        """Whether it is one of our programs, which read ``SHOP_*`` and answer ``GET /readyz``."""
        return bool(self.module) and not self.module.startswith("vshop.")


PARTS = (
    Part("kafka", "backend", {"kafka": 9092}, "127.0.0.1:{kafka}", {"SHOP_KAFKA_BOOTSTRAP": "127.0.0.1:{kafka}"}),
    Part(
        "dynamodb",
        "backend",
        {"dynamodb": 8000},
        "http://127.0.0.1:{dynamodb}",
        {"SHOP_DYNAMODB_ENDPOINT": "http://127.0.0.1:{dynamodb}"},
        "vshop.runtime.moto_server",
    ),
    Part(
        "observatory",
        "backend",
        {"query": 16686, "otlp": 4318},
        "http://127.0.0.1:{query}",
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:{otlp}",
            "SHOP_OBSERVATORY_URL": "http://127.0.0.1:{query}",
            "SHOP_TRACE_URL": "http://127.0.0.1:{query}/trace/{{traceId}}",
        },
        "observatory",
    ),
    Part(
        "jaeger",
        "backend",
        {"jaeger": 16686, "otlp": 4318},
        "http://127.0.0.1:{jaeger}",
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:{otlp}", "SHOP_TRACE_URL": "http://127.0.0.1:{jaeger}/trace/{{traceId}}"},
    ),
    Part(
        "auth-stub", "service", {"auth": 8081}, "http://127.0.0.1:{auth}", {"SHOP_AUTH_URL": "http://127.0.0.1:{auth}"}, "auth_stub"
    ),
    Part(
        "orders",
        "service",
        {"orders": 8080},
        "http://127.0.0.1:{orders}",
        {"SHOP_ORDERS_URL": "http://127.0.0.1:{orders}"},
        "orders",
    ),
    Part(
        "stock-updater",
        "service",
        {"stock": 8082},
        "http://127.0.0.1:{stock}",
        {"SHOP_STOCK_URL": "http://127.0.0.1:{stock}"},
        "stock_updater",
    ),
    Part(
        "console",
        "service",
        {"console": 8090},
        "http://127.0.0.1:{console}",
        {"SHOP_CONSOLE_URL": "http://127.0.0.1:{console}"},
        "console",
    ),
)
"""In the order in which they are shown. All start at the same time; services stop first, then backends."""

NAMES = tuple(part.name for part in PARTS if part.name != "jaeger")
"""Those of an ordinary shop."""

_BESIDE_JAEGER = Part(
    "observatory",
    "backend",
    {"query": 16687},
    "http://127.0.0.1:{query}",
    {"SHOP_OTLP_PORT": "{query}", "SHOP_OBSERVATORY_URL": "http://127.0.0.1:{query}"},
    "observatory",
)
"""The observatory when a Jaeger has its usual ports; one port is enough for what Jaeger hands on and for questions."""


def chosen(names: Iterable[str]) -> list[Part]:
    """Look parts up by name.

    Args:
        names: names of parts.

    Returns:
        The parts, in the table's order.

    Raises:
        UnknownNameError: a name is no part's.
    """
    wanted = set(names)
    known = [part.name for part in PARTS]
    for name in sorted(wanted.difference(known)):
        raise name_near(name, known, "part")
    listed = [part for part in PARTS if part.name in wanted]
    return [_BESIDE_JAEGER if part.name == "observatory" and "jaeger" in wanted else part for part in listed]
