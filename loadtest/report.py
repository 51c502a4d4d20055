"""The report: what Locust cannot know, since it sees answers only."""

from collections.abc import Sequence
from typing import Any

import msgspec

from loadtest.faults import Explained, Fault
from loadtest.reckoning import Balance


class Letter(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A dead letter that came while the load ran, and what explains it."""

    id: str
    error: str
    order_id: str | None
    cause: str | None


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of a load."""

    load: dict[str, Any]
    started: str
    seconds: float
    """From the first order accepted to the last."""
    settled_seconds: float
    """Until everything was handled as well."""
    accepted: int
    handled: int
    """Taken from the stock, or told that the stock does not suffice."""
    sold_out: int
    lost: int
    lost_orders: list[str]
    """Those of them that are known by name: accepted, and never seen in the table."""
    doubled: int
    """Orders in the stock beyond those that should be."""
    doubled_orders: list[str]
    """Those that the table took more than once."""
    of_others: int
    """Those that none of these shoppers placed."""
    unseen: int
    """At most so many orders came and went between two looks at the table: 0 when each was seen by name."""
    dead_letters: list[Letter]
    refused: dict[str, int]
    """Orders refused for good, by reason."""
    retried: dict[str, int]
    """Tries that came to nothing and were followed by another, by reason."""
    unsure: int
    """Orders that their shoppers gave up without an answer."""
    most_between_tries: int
    traces_whole: int
    traces_broken: list[Explained]
    traces_not_judged: int
    traces_doubled: list[str]
    """Ids of traces in which an order is applied twice."""
    wrongly_answered: list[str]
    """Wrong orders that were accepted, or refused with another status than they deserve."""
    telemetry_lost: dict[str, int]
    items: list[Balance]
    faults: list[Fault]

    @property
    def unexplained(self) -> list[Explained]:
        """The broken traces that nothing explains."""
        return [trace for trace in self.traces_broken if trace.cause is None]

    @property
    def problems(self) -> list[str]:
        """Say what is not as it must be; nothing when all is well."""
        uneven = [item for item in self.items if not item.even]
        letters = [letter for letter in self.dead_letters if letter.cause is None]
        said = [
            (int(not self.accepted), "order was not even accepted: nothing is proved"),
            (self.lost, f"orders accepted and not handled: lost{_named(self.lost_orders)}"),
            (
                self.doubled - self.of_others,
                f"orders in the stock and not promised: counted twice{_named(self.doubled_orders)}",
            ),
            (self.of_others, "orders in the stock that none of these shoppers placed: somebody else ordered meanwhile"),
            (len(uneven), f"items whose stock is not exact: {_listed([str(item.item) for item in uneven])}"),
            (len(self.traces_doubled), f"orders applied twice in their trace: {_listed(self.traces_doubled)}"),
            (len(self.unexplained), f"broken traces that nothing explains: {_listed([t.trace_id for t in self.unexplained])}"),
            (self.traces_not_judged, "traces that could not be judged in time"),
            (len(letters), f"dead letters that nothing explains: {_listed([letter.error for letter in letters])}"),
            (len(self.wrongly_answered), f"wrong orders not refused as they should be: {_listed(self.wrongly_answered)}"),
        ]
        return [f"{count} {what}" for count, what in said if count]

    @property
    def ok(self) -> bool:
        """Whether nothing is lost and nothing doubled."""
        return not self.problems

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, with what is reckoned from it."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        items = [
            found | {"expected": item.expected, "difference": item.difference}
            for found, item in zip(plain["items"], self.items, strict=True)
        ]
        return {"ok": self.ok, "problems": self.problems} | plain | {"items": items}


def _listed(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _named(orders: Sequence[str]) -> str:
    return f" ({_listed(orders)})" if orders else ""
