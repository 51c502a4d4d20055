"""Addresses of a shop's parts."""

import os
from collections.abc import Mapping

import msgspec

from vshop.runtime.model.parts import PUBLISHED

_DEFAULTS = {name: f"http://127.0.0.1:{port}" for name, (_, port) in PUBLISHED.items()}


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """Base URLs, by default of a shop in containers. ``VSHOP_<NAME>_URL``, e.g. ``VSHOP_ORDERS_URL``, replaces one."""

    orders: str = _DEFAULTS["orders"]
    auth: str = _DEFAULTS["auth"]
    stock: str = _DEFAULTS["stock"]
    console: str = _DEFAULTS["console"]
    traces: str = _DEFAULTS["traces"]
    observatory: str = _DEFAULTS["observatory"]
    """Logs, metrics and alerts as JSON. Without a Jaeger, it has Jaeger's port."""

    def by_part(self) -> dict[str, str]:
        """Return the base URL of each of the shop's own services."""
        return {part: getattr(self, name) for name, (part, _) in PUBLISHED.items() if name != "traces"}


def find(home: str | None = None, environ: Mapping[str, str] | None = None) -> Addresses:
    """Find each part's address: ``VSHOP_<NAME>_URL``, else the running embedded shop's, a port-forward's, the default."""
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
    from vshop.runtime.model.probes import probe_urls  # noqa: PLC0415 - as above

    if probe_urls({"observatory": addresses.observatory})["observatory"]["reached"]:
        return addresses
    return msgspec.structs.replace(addresses, observatory=addresses.traces)
