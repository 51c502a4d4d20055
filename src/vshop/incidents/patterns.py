"""What an incident's file expects: values, spans, logs, metrics and alerts."""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

Number = int | float


class Test(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A test of a value; all given conditions must hold."""

    __test__ = False  # pytest would collect it

    matches: Annotated[str | None, Meta(description="A regular expression (Python's) that is found somewhere in the text.")] = None
    at_least: Annotated[Number | None, Meta(description="The least number.")] = None
    at_most: Annotated[Number | None, Meta(description="The greatest number.")] = None
    one_of: Annotated[list[Any], Meta(min_length=1, description="One of these values.")] | None = None
    present: Annotated[bool | None, Meta(description="Whether there is any value at all.")] = None

    def __post_init__(self) -> None:
        if all(getattr(self, name) is None for name in self.__struct_fields__):
            raise ValueError("a test needs one of matches, atLeast, atMost, oneOf, present")
        if self.matches is not None:
            try:
                re.compile(self.matches)
            except re.error as error:
                raise ValueError(f"matches: {self.matches!r} is not a regular expression: {error}") from error

    def __str__(self) -> str:
        words = {"matches": "matches", "at_least": "at least", "at_most": "at most", "one_of": "one of"}
        said = [f"{word} {value!r}" for name, word in words.items() if (value := getattr(self, name)) is not None]
        if self.present is not None:
            said.append("present" if self.present else "absent")
        return " and ".join(said)


Value = str | int | float | bool | list[Any] | Annotated[Test, Meta(extra_json_schema={"minProperties": 1})]
"""A plain value that must be equal, or a test."""

Count = Annotated[int, Meta(ge=0)] | Annotated[Test, Meta(extra_json_schema={"minProperties": 1})]
"""Such as ``2`` or ``{atLeast: 2}``."""


Kind = Literal["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
Status = Literal["UNSET", "OK", "ERROR"]
Where = Literal["own", "linked", "elsewhere"]


class ExceptionPattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Matches a span event or a log record written in the span."""

    type: Annotated[Value | None, Meta(description="exception.type; a class with its module also equals the class alone.")] = None
    message: Annotated[Value | None, Meta(description="exception.message.")] = None


class SpanPattern(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Matches spans; all given fields must match."""

    service: Annotated[str | None, Meta(description="The resource's service.name.")] = field(name="service.name", default=None)
    name: Annotated[Value | None, Meta(description="The span's name.")] = None
    kind: Annotated[Kind | None, Meta(description="OTLP's kind, without its prefix.")] = None
    status: Annotated[Status | None, Meta(description="OTLP's status code, without its prefix.")] = None
    status_message: Annotated[Value | None, Meta(description="The status's description.")] = None
    under: Annotated[str | None, Meta(description="The `as` of the span it belongs to: its parent, or one that it links to.")] = (
        None
    )
    relation: Annotated[
        Literal["child", "link"] | None, Meta(description="How it belongs there, if only one of the two will do.")
    ] = None
    where: Annotated[
        Where | None,
        Meta(
            description="`own`: in the order's trace. `linked`: in one linked to it. `elsewhere`: in one without any link, "
            "found by shop.order.id. Unsaid: own or linked."
        ),
    ] = None
    attributes: Annotated[dict[str, Value], Meta(description="Attributes it has, among others.")] = {}
    exception: Annotated[ExceptionPattern | None, Meta(description="An exception recorded on it or logged in it.")] = None
    duration_ms: Annotated[Value | None, Meta(description="How long it took, in milliseconds.")] = None
    links: Annotated[Count | None, Meta(description="How many links it has.")] = None


class ExpectedSpan(SpanPattern, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A span that must be present."""

    label: Annotated[str, Meta(pattern="^[a-z][a-zA-Z0-9]*$", description="Its name in this file.")] = field(name="as")
    count: Annotated[
        Count | None, Meta(description="How many such spans there are, once the trace is quiet; unsaid: one or more.")
    ] = None
    nth: Annotated[
        int | Literal["last"] | None,
        Meta(description="Which of them is meant, in the order of their start: 1 is the first; unsaid: any that fits the rest."),
    ] = None
    root_cause: Annotated[bool, Meta(description="The culprit: exactly one in a fault, none in a twin.")] = False


class AbsentSpan(SpanPattern, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A span that must be absent once the trace is complete."""

    root_cause: Annotated[
        bool,
        Meta(description="Its absence is the root cause; `under` names the last span before the gap, which counts as the culprit."),
    ] = False


Severity = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
WithinMs = Annotated[int, Meta(ge=1, le=120_000, description="How long to wait for it, in milliseconds.")]

ALERT_RULES = ("errors-by-exception-type", "orders-not-handled", "order-slow", "orders-rejected")
"""The rules that the observatory evaluates."""


class LogPattern(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Matches log records of the trigger's traces."""

    service: str | None = field(name="service.name", default=None)
    severity: Annotated[Severity | None, Meta(description="This severity or a higher one.")] = None
    body: Value | None = None
    attributes: dict[str, Value] = {}
    exception: ExceptionPattern | None = None
    correlated: Annotated[str | None, Meta(description="The `as` of the span in which they were written.")] = None
    count: Annotated[Count | None, Meta(description="How many there are; unsaid: one or more; 0: none.")] = None


class By(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """By how much a metric moves."""

    by: Annotated[Number | None, Meta(description="By exactly this much.")] = None
    at_least: Annotated[Number | None, Meta(description="By this much or more.")] = None

    def __post_init__(self) -> None:
        if (self.by is None) == (self.at_least is None):
            raise ValueError("moves needs either by or atLeast")


class MetricMove(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """From before the trigger to the end of its traces; a histogram moves by its count."""

    name: str
    service: str | None = field(name="service.name", default=None)
    attributes: Annotated[dict[str, Value], Meta(description="Only series with these attributes; they are added up.")] = {}
    moves: Annotated[
        Literal["up", "none", "upAndBack"] | By,
        Meta(description="`up`: it rises. `none`: it stays. `upAndBack`: it rises, and is where it was in the end (gauges)."),
    ]
    within_ms: WithinMs = 5_000


class AlertPattern(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Matches alerts with at least these labels."""

    rule: str
    labels: dict[str, Value] = {}
    within_ms: WithinMs = 10_000


class Alerts(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Alerts since the switch was turned."""

    firing: list[AlertPattern] = []
    not_firing: list[str | AlertPattern] = []

    @property
    def silent(self) -> list[AlertPattern]:
        """The alerts that must not fire."""
        return [AlertPattern(rule=one) if isinstance(one, str) else one for one in self.not_firing]


class Expect(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The telemetry after the trigger; the clean shop must not meet it."""

    spans: Annotated[list[ExpectedSpan], Meta(min_length=1)]
    absent: list[AbsentSpan] = []
    logs: list[LogPattern] = []
    metrics: list[MetricMove] = []
    alerts: Alerts = msgspec.field(default_factory=Alerts)
    within_ms: WithinMs = 10_000
