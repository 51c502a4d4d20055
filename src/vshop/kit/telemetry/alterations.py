"""How a telemetry fault alters telemetry, for files, filter and verification."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Action = Literal[
    "drop",
    "delay",
    "shift",
    "duplicate",
    "shortenTraceId",
    "strip",
    "cut",
    "mirror",
    "unlink",
    "keep",
    "sample",
    "sampleErrors",
    "renameService",
    "forgetTrace",
]
AlteredSignal = Literal["spans", "logs", "metrics"]


class Alteration(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One alteration of the shop's own telemetry."""

    action: Annotated[
        Action,
        Meta(
            description="`drop`: withhold. `delay`: deliver `ms` late. `shift`: move all times by `ms`. `duplicate`: deliver "
            "again, without attributes. `shortenTraceId`: keep the lower 64 bits. `strip`: remove the attributes `keys`. "
            "`cut`: cut text attributes to `length`. `mirror`: reverse the order of the times. `unlink`: remove parent and "
            "links. `keep`: deliver only the first `count` of each trace and service. `sample`: keep the share `ratio` of the "
            "traces. `sampleErrors`: keep traces with an error, decided after `ms`. `renameService`: set service.name to `text`. "
            "`forgetTrace`: remove trace and span id."
        ),
    ]
    signals: Annotated[list[AlteredSignal], Meta(min_length=1)] = msgspec.field(default_factory=lambda: ["spans"])
    services: Annotated[list[str], Meta(description="The services whose telemetry is altered; empty: all of the shop.")] = []
    name: Annotated[str, Meta(description="Only spans whose name begins with this.")] = ""
    kind: Annotated[Literal["SERVER", "CLIENT", "PRODUCER", "CONSUMER"], Meta(description="Only spans of this kind.")] | None = None
    ms: Annotated[int, Meta(ge=-3_600_000, le=3_600_000)] = 0
    keys: Annotated[list[str], Meta(description="Attributes, or beginnings of their names.")] = []
    length: Annotated[int, Meta(ge=0)] = 0
    count: Annotated[int, Meta(ge=0)] = 0
    ratio: Annotated[float, Meta(ge=0, le=1)] = 1.0
    half: Annotated[
        Literal["low", "high"],
        Meta(description="The half of the trace id that decides: `low` as TraceIdRatioBased does, `high` as another sampler."),
    ] = "low"
    text: str = ""

    def concerns(self, signal: AlteredSignal, service: str) -> bool:
        """Return whether it alters a signal of a service."""
        return signal in self.signals and (not self.services or service in self.services)

    def samples(self, trace_id: str) -> bool:
        """Return whether a sampler keeps a trace (https://opentelemetry.io/docs/specs/otel/trace/sdk/#traceidratiobased)."""
        number = int((trace_id[16:] if self.half == "low" else trace_id[:16]) or "0", 16)  # ids can be invalid
        return number < round(self.ratio * 2**64)
