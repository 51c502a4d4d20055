"""Telemetry faults: the order is fine and its telemetry is not."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from vshop.incidents.incident import AnswerKey, OrderRequest, RootCause, Trigger, Workshop
from vshop.incidents.loader import UnknownIncidentError, read_definition, read_definitions
from vshop.incidents.patterns import MetricMove, Value
from vshop.kit.telemetry.alterations import Alteration

TELEMETRY_FAULTS = Path(__file__).parent / "telemetry_faults"
CODE = "services/observatory/ingest/faults.py"


class LogEvidence(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A log record that names the order's id."""

    service: str
    body: Value


class Conclusion(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What can still be concluded; exactly one of ``metric``, ``log`` and ``stock``."""

    says: Annotated[str, Meta(description="The conclusion, in a sentence.")]
    metric: Annotated[MetricMove | None, Meta(description="How much it moves for each order.")] = None
    log: LogEvidence | None = None
    stock: Annotated[bool, Meta(description="The item lists the order among those that its stock includes.")] = False

    def __post_init__(self) -> None:
        if sum((self.metric is not None, self.log is not None, self.stock)) != 1:
            raise ValueError("a conclusion has exactly one of metric, log and stock")

    @property
    def signal(self) -> Literal["metrics", "logs", "stock"]:
        """The signal that shows it."""
        return "metrics" if self.metric else "logs" if self.log else "stock"


class TelemetryFault(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """On real orders that go well."""

    schema_version: Literal["1"]
    id: Annotated[str, Meta(pattern="^[a-z][a-z0-9]*(-[a-z0-9]+)+$", description="Also the name of the file.")]
    title: Annotated[str, Meta(description="The complaint; it does not reveal the cause.")]
    story: Annotated[str, Meta(description="What happens and why; part of the answer.")]
    alter: Annotated[list[Alteration], Meta(min_length=1, description="The withheld or altered telemetry.")]
    order: Annotated[OrderRequest, Meta(description="The order of the verification.")]
    orders: Annotated[int, Meta(ge=1, le=50, description="How many orders the verification sends.")] = 1
    unknown: Annotated[str, Meta(description="What the traces cannot tell.")]
    concludes: Annotated[list[Conclusion], Meta(min_length=1)]
    reason: Annotated[str, Meta(description="The cause, in a sentence.")]
    answer: AnswerKey
    workshop: Workshop

    fault = True
    switch = None
    harmless = None
    kind = "telemetry"

    @property
    def trigger(self) -> Trigger:
        """The orders, as an incident's trigger."""
        return Trigger(order=self.order, repeat=self.orders)

    @property
    def root_cause(self) -> RootCause:
        """The root cause, as an incident has it."""
        return RootCause(service=self.answer.service, component=self.answer.component, reason=self.reason, code=CODE)

    @property
    def rollback(self) -> str:
        """How to end it."""
        return f"vshop telemetry-faults off {self.id}"


class UnknownTelemetryFaultError(UnknownIncidentError):
    """No telemetry fault has this id."""

    kind = "telemetry fault"


def load_telemetry_faults(folder: Path = TELEMETRY_FAULTS) -> dict[str, TelemetryFault]:
    """Load all telemetry faults by id. Raises CatalogueError."""
    return read_definitions(folder, TelemetryFault)


def load_telemetry_fault(fault_id: str) -> TelemetryFault:
    """Load one. Raises UnknownTelemetryFaultError or CatalogueError."""
    return read_definition(fault_id, TELEMETRY_FAULTS, TelemetryFault, UnknownTelemetryFaultError)
