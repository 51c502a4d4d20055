"""Addresses of a shop's parts, from the environment or the shop that runs on this machine."""

import os
from collections.abc import Mapping

import msgspec

from vshop.runtime.model.parts import PUBLISHED

_DEFAULTS = {name: f"http://127.0.0.1:{port}" for name, (_, port) in PUBLISHED.items()}


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Base URLs. The defaults are those of a shop in containers on the default ports.

    The variable ``VSHOP_<NAME>_URL``, e.g. ``VSHOP_ORDERS_URL``, replaces one of them, to attach to a shop elsewhere.
    """

    orders: str = _DEFAULTS["orders"]
    auth: str = _DEFAULTS["auth"]
    stock: str = _DEFAULTS["stock"]
    console: str = _DEFAULTS["console"]
    traces: str = _DEFAULTS["traces"]
    """Jaeger's query API."""
    observatory: str = _DEFAULTS["observatory"]
    """Logs, metrics and alerts as JSON. Beside a real Jaeger it has the next port; without one it has Jaeger's."""


def find(home: str | None = None, environ: Mapping[str, str] | None = None) -> Addresses:
    """Find the addresses of the shop.

    Args:
        home: home folder of an embedded shop; the runtime's default when not given.
        environ: variables to read instead of the environment of the process.

    Returns:
        For each part the value of ``VSHOP_<NAME>_URL``; else the address of the running embedded shop; else of the port-forward to
            a cluster; else the default.
    """
    from vshop.runtime.kubernetes import forwards  # noqa: PLC0415 - slow to import, and `vshop --help` does not need it
    from vshop.runtime.local.shop import Shop  # noqa: PLC0415

    environ = os.environ if environ is None else environ
    known: dict[str, str] = {}
    if (running := Shop.running(home)) is not None:
        known = running.client_addresses
    elif (forwarded := forwards.running(home)) is not None:
        known = dict(forwarded.addresses)
    variables = {name: environ.get(f"VSHOP_{name.upper()}_URL") for name in Addresses.__struct_fields__}
    known |= {name: url for name, url in variables.items() if url}
    found = Addresses(**known)
    return found if "observatory" in known else with_observatory(found)


def with_observatory(addresses: Addresses) -> Addresses:
    """Replace the observatory's address by that of the traces if nothing listens there: without a Jaeger, it serves both."""
    from vshop.runtime.local.probes import probe_urls  # noqa: PLC0415 - as above

    if probe_urls({"observatory": addresses.observatory})["observatory"]["reached"]:
        return addresses
    return msgspec.structs.replace(addresses, observatory=addresses.traces)
