"""What a file expects to be seen: spans, logs, metrics, alerts."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from vshop.incidents.span_patterns import AbsentSpan, ExceptionPattern, ExpectedSpan
from vshop.incidents.values import Count, Number, Test, Value

Severity = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
WithinMs = Annotated[int, Meta(ge=1, le=120_000, description="How long to wait for it, in milliseconds.")]

ALERT_RULES = ("errors-by-exception-type", "orders-not-handled", "order-slow", "orders-rejected")
"""The rules that the observatory evaluates."""


class LogPattern(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Log records of the trigger's traces that are alike in all that is said here."""

    service: str | None = field(name="service.name", default=None)
    severity: Annotated[Severity, Meta(description="This severity or a higher one.")] | None = None
    body: Value | None = None
    attributes: dict[str, Value] = {}
    exception: ExceptionPattern | None = None
    correlated: Annotated[str, Meta(description="The `as` of the span in which they were written.")] | None = None
    count: Annotated[Count, Meta(description="How many there are; unsaid: one or more; 0: none.")] | None = None


class By(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """By how much a metric moves."""

    by: Annotated[Number, Meta(description="By exactly this much.")] | None = None
    at_least: Annotated[Number, Meta(description="By this much or more.")] | None = None

    def __post_init__(self) -> None:
        """Refuse both and neither."""
        if (self.by is None) == (self.at_least is None):
            raise ValueError("moves needs either by or atLeast")


class MetricMove(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """How a metric moves between the moment before the trigger and the end of its traces; histograms move by their count."""

    name: str
    service: str | None = field(name="service.name", default=None)
    attributes: Annotated[dict[str, Value], Meta(description="Only series with these attributes; they are added up.")] = {}
    moves: Annotated[
        Literal["up", "none", "upAndBack"] | By,
        Meta(description="`up`: it rises. `none`: it stays. `upAndBack`: it rises, and is where it was in the end (gauges)."),
    ]
    within_ms: WithinMs = 5_000


class AlertPattern(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """An alert of one rule, with these labels among others."""

    rule: str
    labels: dict[str, Value] = {}
    within_ms: WithinMs = 10_000


class Alerts(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What is alerted, judged by what happened since the switch was turned."""

    firing: list[AlertPattern] = []
    not_firing: list[str | AlertPattern] = []

    @property
    def silent(self) -> list[AlertPattern]:
        """Those that must not fire."""
        return [AlertPattern(rule=one) if isinstance(one, str) else one for one in self.not_firing]


class Expect(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """All that must be seen after the trigger; it must not be so on the clean shop."""

    spans: Annotated[list[ExpectedSpan], Meta(min_length=1)]
    absent: list[AbsentSpan] = []
    logs: list[LogPattern] = []
    metrics: list[MetricMove] = []
    alerts: Alerts = msgspec.field(default_factory=Alerts)
    within_ms: WithinMs = 10_000


__all__ = ["ALERT_RULES", "AlertPattern", "Alerts", "By", "Expect", "LogPattern", "MetricMove", "Test"]
