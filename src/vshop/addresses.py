"""Where a shop's parts are: of the one that runs here, or of any other that the environment names."""

import os
from collections.abc import Mapping

import msgspec


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Base URLs. The defaults are those of a shop in containers on the default ports, which cannot be asked where it is.

    Each can be set by the variable ``VSHOP_<NAME>_URL``, e.g. ``VSHOP_ORDERS_URL``: that is how to attach to a shop elsewhere.
    """

    orders: str = "http://127.0.0.1:8080"
    auth: str = "http://127.0.0.1:8081"
    stock: str = "http://127.0.0.1:8082"
    console: str = "http://127.0.0.1:8090"
    traces: str = "http://127.0.0.1:16686"
    """Jaeger's query API."""
    observatory: str = "http://127.0.0.1:16687"
    """Logs, metrics and alerts as JSON. Beside a real Jaeger it has the next port; alone it has Jaeger's."""


def find(home: str | None = None, environ: Mapping[str, str] | None = None) -> Addresses:
    """Find the shop to talk to.

    Args:
        home: home folder of an embedded shop; found as the runtime does when not given.
        environ: variables to read instead of the process's own environment.

    Returns:
        What ``VSHOP_<NAME>_URL`` says; for the rest the embedded shop's addresses if one runs, or those at which a shop in a
            cluster is forwarded to; else the defaults.
    """
    from vshop.runtime.cluster import forwards  # noqa: PLC0415 - the CLI's --help needs none of it
    from vshop.runtime.shop import Shop  # noqa: PLC0415

    environ = os.environ if environ is None else environ
    running = Shop.running(home)
    known: dict[str, str] = {}
    if running is not None:
        by_part = running.addresses
        parts = {
            "orders": "orders",
            "auth": "auth-stub",
            "stock": "stock-updater",
            "console": "console",
            "traces": "jaeger" if "jaeger" in by_part else "observatory",
            "observatory": "observatory",
        }
        known = {name: by_part[part] for name, part in parts.items() if part in by_part}
    elif (forwarded := forwards.running(home)) is not None:
        known = dict(forwarded.addresses)
    known |= {
        name: environ[f"VSHOP_{name.upper()}_URL"]
        for name in Addresses.__struct_fields__
        if environ.get(f"VSHOP_{name.upper()}_URL")
    }
    return Addresses(**known)
