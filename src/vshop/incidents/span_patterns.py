"""What a file says about spans: those that must be there and those that must not."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from vshop.incidents.values import Count, Value

Kind = Literal["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
Status = Literal["UNSET", "OK", "ERROR"]
Where = Literal["own", "linked", "elsewhere"]


class ExceptionPattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """An exception, wherever it was recorded: as an event of the span, or as a log record written in it."""

    type: Annotated[Value, Meta(description="exception.type; a class with its module also equals the class alone.")] | None = None
    message: Annotated[Value, Meta(description="exception.message.")] | None = None


class SpanPattern(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Spans that are alike in all that is said here."""

    service: Annotated[str, Meta(description="The resource's service.name.")] | None = field(name="service.name", default=None)
    name: Annotated[Value, Meta(description="The span's name.")] | None = None
    kind: Annotated[Kind, Meta(description="OTLP's kind, without its prefix.")] | None = None
    status: Annotated[Status, Meta(description="OTLP's status code, without its prefix.")] | None = None
    status_message: Annotated[Value, Meta(description="The status's description.")] | None = None
    under: Annotated[str, Meta(description="The `as` of the span it belongs to: its parent, or one that it links to.")] | None = (
        None
    )
    relation: (
        Annotated[Literal["child", "link"], Meta(description="How it belongs there, if only one of the two will do.")] | None
    ) = None
    where: (
        Annotated[
            Where,
            Meta(
                description="`own`: in the order's trace. `linked`: in one linked to it. `elsewhere`: in one without any link, "
                "found by shop.order.id. Unsaid: own or linked."
            ),
        ]
        | None
    ) = None
    attributes: Annotated[dict[str, Value], Meta(description="Attributes it has, among others.")] = {}
    exception: Annotated[ExceptionPattern, Meta(description="An exception recorded on it or logged in it.")] | None = None
    duration_ms: Annotated[Value, Meta(description="How long it took, in milliseconds.")] | None = None
    links: Annotated[Count, Meta(description="How many links it has.")] | None = None


class ExpectedSpan(SpanPattern, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A span that must be there."""

    label: Annotated[str, Meta(pattern="^[a-z][a-zA-Z0-9]*$", description="Its name in this file.")] = field(name="as")
    count: (
        Annotated[Count, Meta(description="How many such spans there are, once the trace is quiet; unsaid: one or more.")] | None
    ) = None
    nth: (
        Annotated[
            int | Literal["last"],
            Meta(
                description="Which of them is meant, in the order of their start: 1 is the first; unsaid: any that fits the rest."
            ),
        ]
        | None
    ) = None
    root_cause: Annotated[bool, Meta(description="The culprit: exactly one in a fault, none in a twin.")] = False


class AbsentSpan(SpanPattern, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A span that must not be there, once the trace is quiet."""

    root_cause: Annotated[
        bool,
        Meta(description="That it is missing is the culprit; `under` names the last span before the gap, which stands for it."),
    ] = False
