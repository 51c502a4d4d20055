"""How a shop is to be started."""

from typing import Literal

import msgspec

from vshop.runtime.parts import NAMES


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What ``Shop.start`` may be told. The defaults are those of ``vshop up``."""

    home: str | None = None
    """Folder for state, logs and data; ``VSHOP_HOME`` or the user's state folder when not given."""
    ports: dict[str, int] = {}
    """Ports by name: orders, auth, stock, otlp, query, kafka, dynamodb. A part's own name will do where it has one port."""
    free_ports: bool = False
    """Choose a free port for all that are not named. Such a shop is isolated: no ``SHOP_*``, ``OTEL_*`` or ``AWS_*`` variable of
    the launcher reaches its services, only those in ``env``."""
    keep: bool = False
    """Keep the orders and the stock of the last run instead of starting clean."""
    env: dict[str, str] = {}
    """More variables for the services; they win over everything."""
    parts: tuple[str, ...] = NAMES
    """What to start. What is left out is not looked for: its address comes from the environment or is the default."""
    dynamodb: Literal["moto", "local"] = "moto"
    """Which server plays DynamoDB: moto, in memory, or Amazon's DynamoDB Local, on disk, under Amazon's licence."""
    jaeger: str = "none"
    """A real Jaeger beside the observatory: ``none``, the path of its program, the address of one that runs (its page's), or
    ``auto``: the program ``jaeger`` where one is on the path."""
    detached: bool = False
    """Leave the shop running when the launcher ends. Otherwise it ends with the launcher, even one that is killed."""
    timeout_s: float = 60.0
    """Seconds that all parts together get to become ready; fetching Kafka does not count."""
    aot: bool = True
    """Make, in the background and once, the cache that halves Kafka's start. ``VSHOP_AOT=0`` says no as well."""
