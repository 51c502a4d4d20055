"""Options of a start."""

from typing import Literal

import msgspec

from vshop.runtime.model.parts import NAMES


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Options of ``Shop.start``."""

    home: str | None = None
    """Folder for state, logs and data; see ``folders.home``."""
    ports: dict[str, int] = {}
    """Ports by name: orders, auth, stock, console, otlp, query, kafka, dynamodb. A part with one port also has its own name."""
    free_ports: bool = False
    """Choose free ports for the rest. The services then get no ``SHOP_*``, ``OTEL_*`` or ``AWS_*`` variable of the launcher."""
    keep: bool = False
    """Keep the orders and the stock of the last run."""
    env: dict[str, str] = {}
    """Variables for the services, which override all others."""
    parts: tuple[str, ...] = NAMES
    """Parts to start. The addresses of others come from the environment."""
    dynamodb: Literal["moto", "local"] = "moto"
    """moto, in memory, or DynamoDB Local, on disk, under Amazon's licence."""
    jaeger: str = "none"
    """A real Jaeger beside the observatory: ``none``, the path of its program, the address of the page of a running one, or
    ``auto``: the program ``jaeger`` if it is on the path."""
    detached: bool = False
    """Leave the shop running when the launcher exits. Otherwise it stops with the launcher, even after kill -9."""
    timeout_s: float = 60.0
    """Seconds to wait for the whole shop to become ready, downloads not included."""
    aot: bool = True
    """Build the cache that halves Kafka's start, once, in the background. ``VSHOP_AOT=0`` also turns this off."""
