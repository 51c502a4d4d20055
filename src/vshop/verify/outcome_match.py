"""Compares what came of the trigger, seen from outside: answers, stock, dead letters."""

from collections.abc import Mapping, Sequence

from vshop.client import Placed
from vshop.incidents.incident import Outcome, StockChange
from vshop.verify.ports import Shop
from vshop.verify.values import mismatch, mismatches
from vshop.verify.verdict import Check

Stocks = Mapping[int, int]
"""Pieces by item, before the trigger."""


def answer_checks(outcome: Outcome, orders: Sequence[Placed]) -> list[Check]:
    """Report whether each order was answered as expected."""
    checks = []
    for placed in orders:
        reasons = mismatches(outcome.headers, _CaseLess(placed.headers)) + mismatches(outcome.body, placed.body)
        status = mismatch(outcome.status, placed.status)
        if status is not None:
            said = placed.body.get("detail")
            reasons.insert(0, f"status {status}" + (f" ({said})" if said else ""))
        expected = f"{outcome.status if outcome.status is not None else 'an answer'}" + "".join(
            f", {name} {value}" for name, value in [*outcome.headers.items(), *outcome.body.items()]
        )
        evidence = {"traceId": placed.trace_id, "status": placed.status}
        seen = "; ".join(reasons) or str(placed.status)
        checks.append(Check(what="answer", ok=not reasons, expected=expected, seen=seen, evidence=evidence))
    return checks


def stock_before(changes: Sequence[StockChange], shop: Shop) -> dict[int, int]:
    """Read the stock of every item that a file speaks of."""
    return {change.item_id: int(shop.item(change.item_id)["stock"]) for change in changes}


def stock_checks(changes: Sequence[StockChange], before: Stocks, shop: Shop) -> list[Check]:
    """Report by how much the stock has changed so far."""
    checks = []
    for change in changes:
        now = int(shop.item(change.item_id)["stock"])
        old = before[change.item_id]
        checks.append(
            Check(
                what="stock",
                ok=now - old == change.change,
                expected=f"item {change.item_id} changes by {change.change}",
                seen=f"by {now - old}, from {old} to {now}",
                evidence={"itemId": change.item_id, "before": old, "after": now},
            )
        )
    return checks


def letter_checks(outcome: Outcome, trace_ids: Sequence[str], shop: Shop) -> list[Check]:
    """Report how many dead letters carry the trigger's trace ids."""
    if outcome.dead_letters is None:
        return []
    letters = [letter for letter in shop.dead_letters() if letter["traceId"] in trace_ids]
    return [
        Check(
            what="dead letters",
            ok=len(letters) == outcome.dead_letters,
            expected=str(outcome.dead_letters),
            seen=str(len(letters)),
            evidence={"ids": [letter["id"] for letter in letters]} if letters else {},
        )
    ]


class _CaseLess(dict[str, str]):
    """Headers, whose names are the same in upper and lower case."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        return super().get(name.lower(), default)
