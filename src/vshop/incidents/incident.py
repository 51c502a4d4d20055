"""The types of an incident file."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from vshop.incidents.patterns import Expect, ExpectedSpan, Value, WithinMs


class OrderRequest(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The body of ``POST /orders``."""

    item_id: int
    quantity: int = 1
    discount_code: str | None = None
    user: Annotated[int, Meta(ge=0, le=2, description="Which of the three shoppers orders, and logs in for it.")] = 0
    username: Annotated[str | None, Meta(description="A user id in place of the shopper's own.")] = None


class Step(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """An order, or a wait."""

    order: Annotated[OrderRequest | None, Meta(description="The order to send.")] = None
    token: Annotated[
        str,
        Meta(description="`fresh`: log in for each order. `none`: no Authorization header. Anything else is sent as the token."),
    ] = "fresh"
    headers: Annotated[dict[str, str], Meta(description="More request headers.")] = {}
    idempotency_key: Annotated[
        Literal["shared"] | None, Meta(description="`shared`: one fresh Idempotency-Key for every order of this run that says so.")
    ] = None
    repeat: Annotated[int, Meta(ge=1, le=100, description="How often the order is sent, each time in a new trace.")] = 1
    wait_ms: Annotated[int, Meta(ge=1, le=60_000, description="Wait instead of ordering.")] | None = None

    def __post_init__(self) -> None:
        if (self.order is None) == (self.wait_ms is None):
            raise ValueError("a step has either an order or waitMs")


class Trigger(Step, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The first step, with the others in ``then``."""

    then: Annotated[list[Step], Meta(description="The steps after this one.")] = []
    judge: Annotated[
        Literal["every", "last"],
        Meta(description="Which orders must show what is expected: `every` one, or only the `last`."),
    ] = "every"

    @property
    def steps(self) -> list[Step]:
        """All steps, in sequence."""
        return [self, *self.then]


Scope = Literal["global", "request"]


class Switch(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """How the incident is switched on."""

    services: Annotated[list[str], Meta(min_length=1, description="The services that evaluate it.")]
    scope: Annotated[
        list[Scope],
        Meta(min_length=1, description="`global`: for all by the chaos board; `request`: for one order by the baggage shop.chaos."),
    ] = field(default_factory=lambda: ["global", "request"])
    items: Annotated[bool, Meta(description="Whether it can be limited to orders for some items.")] = True


class StockChange(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """By all orders of the trigger together."""

    item_id: int
    change: int


class ExpectedOutcome(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Answers, stock and dead letters."""

    status: Annotated[Value | None, Meta(description="HTTP status of the answer.")] = None
    headers: Annotated[dict[str, Value], Meta(description="Headers of the answer, among others.")] = {}
    body: Annotated[dict[str, Value], Meta(description="Members of the answer's JSON body, among others.")] = {}
    stock: StockChange | list[StockChange] = []
    dead_letters: Annotated[int, Meta(ge=0, description="How many dead letters carry the trigger's trace ids.")] | None = None
    within_ms: WithinMs = 10_000

    @property
    def stocks(self) -> list[StockChange]:
        """The stock changes."""
        return [self.stock] if isinstance(self.stock, StockChange) else self.stock


class Symptom(ExpectedOutcome, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The outcome with the incident."""

    shopper: Annotated[str, Meta(description="What the shopper sees, in a sentence.")]


class Recovery(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The outcome once the incident is off; stock counts from before the trigger."""

    replay_dead_letters: Annotated[bool, Meta(description="Whether their dead letters are replayed first.")] = False
    stock: StockChange | list[StockChange] = []
    spans: Annotated[list[ExpectedSpan], Meta(description="Spans that their traces have in the end.")] = []
    within_ms: WithinMs = 15_000

    @property
    def stocks(self) -> list[StockChange]:
        """The stock changes."""
        return [self.stock] if isinstance(self.stock, StockChange) else self.stock


class RootCause(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """The root cause."""

    service: str = field(name="service.name")
    component: Annotated[str, Meta(description="The component of the service, e.g. dynamodb/item-stock.")]
    reason: str
    code: Annotated[str, Meta(description="The file that holds its chaos site, from the top of the project.")]


class Effect(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One step from the root cause to the shopper."""

    source: str = field(name="from")
    target: str = field(name="to")
    effect: str


class AnswerKey(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The correct diagnosis."""

    service: str
    component: str
    error_type: Annotated[str, Meta(description="error.type of the culprit; `none` where nothing is an error.")]
    acceptable: Annotated[
        dict[Literal["service", "component", "errorType"], list[str]], Meta(description="Other values that are accepted.")
    ] = {}


class Workshop(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Difficulty and hints for workshops."""

    level: Annotated[int, Meta(ge=1, le=3, description="1: one look; 2: follow the trace; 3: compare and think.")]
    hints: Annotated[list[str], Meta(min_length=1, description="Each hint reveals a little more than the one before.")]


class Incident(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """An incident, or a twin (``fault`` is false), which looks like one although nothing is wrong."""

    schema_version: Literal["1"]
    id: Annotated[
        str, Meta(pattern="^[a-z][a-z0-9]*(-[a-z0-9]+)+$", description="Also the name of the file, switch and chaos site.")
    ]
    title: Annotated[str, Meta(description="The complaint as a user reports it; it does not reveal the cause.")]
    fault: bool
    pair_of: Annotated[str | None, Meta(description="The id of the twin of a fault, or of the fault of a twin.")] = None
    story: Annotated[str, Meta(description="What happens and why; part of the answer.")]
    harmless: Annotated[str | None, Meta(description="Why nothing is wrong; required in a twin, not allowed in a fault.")] = None
    switch: Annotated[Switch | None, Meta(description="Without it, the trigger alone shows the incident (a twin).")] = None
    trigger: Trigger
    symptom: Symptom
    root_cause: Annotated[RootCause | None, Meta(description="Required in a fault, not allowed in a twin.")] = None
    steady_state: Annotated[
        ExpectedOutcome | None,
        Meta(description="The outcome of the trigger without the incident, before and after; required with a switch."),
    ] = None
    expect: Expect
    recovery: Recovery | None = None
    propagation: list[Effect] = []
    rollback: Annotated[str | None, Meta(description="How to end the incident and repair its effects.")] = None
    answer: Annotated[AnswerKey | None, Meta(description="Required in a fault, not allowed in a twin.")] = None
    workshop: Workshop
