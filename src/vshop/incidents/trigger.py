"""What is done to see an incident: the orders that are sent, and the waits between them."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Order(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The body of ``POST /orders``."""

    item_id: int
    quantity: int = 1
    discount_code: str | None = None
    user: Annotated[int, Meta(ge=0, le=2, description="Which of the three shoppers orders, and logs in for it.")] = 0
    username: Annotated[str, Meta(description="A user id in place of the shopper's own.")] | None = None


class Step(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One step: an order, or a wait."""

    order: Annotated[Order, Meta(description="The order to send.")] | None = None
    token: Annotated[
        str,
        Meta(description="`fresh`: log in for each order. `none`: no Authorization header. Anything else is sent as the token."),
    ] = "fresh"
    headers: Annotated[dict[str, str], Meta(description="More request headers.")] = {}
    idempotency_key: (
        Annotated[
            Literal["shared"], Meta(description="`shared`: one fresh Idempotency-Key for every order of this run that says so.")
        ]
        | None
    ) = None
    repeat: Annotated[int, Meta(ge=1, le=100, description="How often the order is sent, each time in a trace of its own.")] = 1
    wait_ms: Annotated[int, Meta(ge=1, le=60_000, description="Wait instead of ordering.")] | None = None

    def __post_init__(self) -> None:
        """Refuse a step that does nothing, or two things."""
        if (self.order is None) == (self.wait_ms is None):
            raise ValueError("a step has either an order or waitMs")


class Trigger(Step, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The first step, and those after it."""

    then: Annotated[list[Step], Meta(description="The steps after this one.")] = []
    judge: Annotated[
        Literal["every", "last"],
        Meta(description="Which orders must show what is expected: `every` one, or only the `last`."),
    ] = "every"

    @property
    def steps(self) -> list[Step]:
        """All steps, in their order."""
        return [self, *self.then]
