"""A run's result: what JSON holds, and what the table and docs/performance.md are made from."""

import msgspec

from bench.growth import Held
from bench.handling import Latency, Sustained
from bench.hotrod import SideBySide
from bench.machine import Machine
from bench.starting import Start
from bench.switching import Switching, Verification
from bench.tracing_cost import Cost


class Results(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """What was measured; None where it was not asked for, or is not on this machine."""

    started: str
    """When, in ISO 8601, UTC."""
    seconds: float = 0.0
    quick: bool = False
    note: str = ""
    """What has to be known of this run, in a sentence."""
    machine: Machine
    warm: Start | None = None
    cold: Start | None = None
    latency: Latency | None = None
    sustained: Sustained | None = None
    switching: Switching | None = None
    verification: Verification | None = None
    cost: Cost | None = None
    growth: list[Held] = []
    side_by_side: SideBySide | None = None


def read(text: bytes) -> Results:
    """Read a result from JSON."""
    return msgspec.json.decode(text, type=Results)


def write(results: Results) -> bytes:
    """Write a result as JSON, with figures as precise as they are meant."""
    plain = _rounded(msgspec.to_builtins(results))
    return msgspec.json.format(msgspec.json.encode(plain), indent=1) + b"\n"


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
