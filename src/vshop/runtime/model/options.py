"""Options of a start."""

from typing import Literal

import msgspec

from vshop.runtime.model.parts import NAMES


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Options of ``Shop.start``."""

    home: str | None = None
    ports: dict[str, int] = {}
    """By name: orders, auth, stock, console, otlp, query, kafka, dynamodb. A part with one port also has its own name."""
    free_ports: bool = False
    """For all other ports. The services then get no ``SHOP_*``, ``OTEL_*`` or ``AWS_*`` variable of the launcher."""
    keep: bool = False
    env: dict[str, str] = {}
    parts: tuple[str, ...] = NAMES
    """The addresses of others come from the environment."""
    dynamodb: Literal["moto", "local"] = "moto"
    """moto, in memory, or DynamoDB Local, on disk, under Amazon's licence."""
    jaeger: str = "none"
    """``none``, a program's path, the address of a running one's page, or ``auto``: the program ``jaeger`` if it is on the path."""
    detached: bool = False
    """Leave the shop running when the launcher exits, which otherwise ends it, even after kill -9."""
    timeout_s: float = 60.0
    """Seconds until the whole shop must be ready, without downloads."""
    aot: bool = True
    """Build the cache that halves Kafka's start, in the background. ``VSHOP_AOT=0`` also turns this off."""
