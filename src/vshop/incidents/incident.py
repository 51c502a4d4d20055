"""An incident as its file tells it."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field

from vshop.incidents.expectation import Expect, WithinMs
from vshop.incidents.span_patterns import ExpectedSpan
from vshop.incidents.trigger import Trigger
from vshop.incidents.values import Value

Scope = Literal["global", "request"]


class Switch(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """How it is turned on."""

    services: Annotated[list[str], Meta(min_length=1, description="Which services ask for it.")]
    scope: Annotated[
        list[Scope],
        Meta(min_length=1, description="`global`: for all by the chaos board; `request`: for one order by the baggage shop.chaos."),
    ] = field(default_factory=lambda: ["global", "request"])
    items: Annotated[bool, Meta(description="Whether it can be limited to orders for some items.")] = True


class StockChange(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """By how much the stock of an item changes through all orders of the trigger."""

    item_id: int
    change: int


class Outcome(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What comes of the trigger, seen from outside."""

    status: Annotated[Value, Meta(description="HTTP status of the answer.")] | None = None
    headers: Annotated[dict[str, Value], Meta(description="Headers of the answer, among others.")] = {}
    body: Annotated[dict[str, Value], Meta(description="Members of the answer's JSON body, among others.")] = {}
    stock: StockChange | list[StockChange] = []
    dead_letters: Annotated[int, Meta(ge=0, description="How many dead letters carry the trigger's trace ids.")] | None = None
    within_ms: WithinMs = 10_000

    @property
    def stocks(self) -> list[StockChange]:
        """The changes of stock, as a list."""
        return [self.stock] if isinstance(self.stock, StockChange) else self.stock


class Symptom(Outcome, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What people notice."""

    shopper: Annotated[str, Meta(description="What the shopper sees, in a sentence.")]


class Recovery(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What becomes of the trigger's own orders once it is off again; stock and dead letters count from before the trigger."""

    replay_dead_letters: Annotated[bool, Meta(description="Whether their dead letters are replayed first.")] = False
    stock: StockChange | list[StockChange] = []
    spans: Annotated[list[ExpectedSpan], Meta(description="Spans that their traces have in the end.")] = []
    within_ms: WithinMs = 15_000

    @property
    def stocks(self) -> list[StockChange]:
        """The changes of stock, as a list."""
        return [self.stock] if isinstance(self.stock, StockChange) else self.stock


class RootCause(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Where it comes from, and why."""

    service: str = field(name="service.name")
    component: Annotated[str, Meta(description="The part of it, e.g. dynamodb/item-stock.")]
    reason: str
    code: Annotated[str, Meta(description="The file that holds its chaos site, from the top of the project.")]


class Effect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One step from the cause to what the shopper feels."""

    source: str = field(name="from")
    target: str = field(name="to")
    effect: str


class Answer(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What a right diagnosis says."""

    service: str
    component: str
    error_type: Annotated[str, Meta(description="error.type of the culprit; `none` where nothing is an error.")]
    acceptable: Annotated[
        dict[Literal["service", "component", "errorType"], list[str]], Meta(description="What else counts as right.")
    ] = {}


class Workshop(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """How it is used in a workshop."""

    level: Annotated[int, Meta(ge=1, le=3, description="1: one look; 2: follow the trace; 3: compare and think.")]
    hints: Annotated[list[str], Meta(min_length=1, description="One after the other, each gives away a little more.")]


class Incident(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One incident, or its near-miss twin (``fault`` is false): it looks like one, and nothing is wrong."""

    schema_version: Literal["1"]
    id: Annotated[
        str, Meta(pattern="^[a-z][a-z0-9]*(-[a-z0-9]+)+$", description="Also the name of the file, switch and chaos site.")
    ]
    title: Annotated[str, Meta(description="The complaint, as it reaches you; it gives nothing away.")]
    fault: bool
    pair_of: Annotated[str, Meta(description="The other one of a fault and its twin.")] | None = None
    story: Annotated[str, Meta(description="What happens and why; part of the answer.")]
    harmless: Annotated[str, Meta(description="Only in a twin, and always there: why nothing is wrong.")] | None = None
    switch: Annotated[Switch, Meta(description="Unsaid: nothing is switched, the trigger alone does it (a twin).")] | None = None
    trigger: Trigger
    symptom: Symptom
    root_cause: Annotated[RootCause, Meta(description="Only in a fault, and always there.")] | None = None
    steady_state: (
        Annotated[
            Outcome,
            Meta(description="What comes of the trigger without the incident, before and after; always there with a switch."),
        ]
        | None
    ) = None
    expect: Expect
    recovery: Recovery | None = None
    propagation: list[Effect] = []
    rollback: Annotated[str, Meta(description="What ends it, and what sets right what it did.")] | None = None
    answer: Annotated[Answer, Meta(description="Only in a fault, and always there.")] | None = None
    workshop: Workshop

    def to_builtins(self) -> dict[str, Any]:
        """Return it as plain data, by the names of the file."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain
