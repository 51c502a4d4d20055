"""What the processes of a shop use: CPU seconds and resident memory, by part."""

import psutil

from vshop.runtime.processes import resident_bytes
from vshop.runtime.shop import Shop

SERVICES = ("auth-stub", "orders", "stock-updater")
"""The parts that an order is traced through."""


def cpu_seconds(shop: Shop) -> dict[str, float]:
    """Return the CPU seconds, user and system, that each part has used since it was started."""
    used = {}
    for name, identity in shop.state.processes.items():
        times = psutil.Process(identity.pid).cpu_times()
        used[name] = times.user + times.system
    return used


def resident(shop: Shop) -> dict[str, int]:
    """Return the bytes of memory that each part has resident."""
    return {name: resident_bytes(identity) for name, identity in shop.state.processes.items()}
