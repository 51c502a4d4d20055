"""Compares answers, stock and dead letters with the expected ones."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from requests.structures import CaseInsensitiveDict

from vshop.incidents.incident import ExpectedOutcome, StockChange
from vshop.incidents.verify.value_match import mismatch, mismatches
from vshop.incidents.verify.verdict import Check
from vshop.shop.client import Placed, ShopClient

Stocks = Mapping[int, int]


def answer_checks(outcome: ExpectedOutcome, orders: Sequence[Placed]) -> list[Check]:
    """Check the answer to each order."""
    wanted = [outcome.status if outcome.status is not None else "an answer"]
    wanted += [f"{name} {value}" for name, value in [*outcome.headers.items(), *outcome.body.items()]]
    expected = ", ".join(map(str, wanted))
    checks = []
    for placed in orders:
        headers = CaseInsensitiveDict(placed.headers)
        reasons = mismatches(outcome.headers, headers) + mismatches(outcome.body, placed.body)
        status = mismatch(outcome.status, placed.status)
        if status is not None:
            said = placed.body.get("detail")
            reasons.insert(0, f"status {status}" + (f" ({said})" if said else ""))
        evidence = {"traceId": placed.trace_id, "status": placed.status}
        seen = "; ".join(reasons) or str(placed.status)
        checks.append(Check(what="answer", ok=not reasons, expected=expected, seen=seen, evidence=evidence))
    return checks


def read_stocks(changes: Sequence[StockChange], shop: ShopClient) -> dict[int, int]:
    """Read the stock of every item in the expected changes."""
    return {change.item_id: int(shop.item(change.item_id)["stock"]) for change in changes}


def stock_checks(changes: Sequence[StockChange], before: Stocks, shop: ShopClient) -> list[Check]:
    """Check by how much the stock has changed so far."""
    checks = []
    after = read_stocks(changes, shop)
    for change in changes:
        old, new = before[change.item_id], after[change.item_id]
        expected, seen = f"item {change.item_id} changes by {change.change}", f"by {new - old}, from {old} to {new}"
        evidence = {"itemId": change.item_id, "before": old, "after": new}
        checks.append(Check(what="stock", ok=new - old == change.change, expected=expected, seen=seen, evidence=evidence))
    return checks


def own_dead_letters(orders: Sequence[Placed], trace_ids: Collection[str], shop: ShopClient) -> list[dict[str, Any]]:
    """Return the dead letters with an order id or a trace id of the orders."""
    order_ids = [placed.order_id for placed in orders if placed.order_id]
    return [
        letter
        for letter in shop.dead_letters()
        if letter["traceId"] in trace_ids or any(one in (letter.get("value") or "") for one in order_ids)
    ]


def dead_letter_checks(
    outcome: ExpectedOutcome, orders: Sequence[Placed], trace_ids: Collection[str], shop: ShopClient
) -> list[Check]:
    """Check how many dead letters the trigger's orders have become."""
    if outcome.dead_letters is None:
        return []
    expected, ids = outcome.dead_letters, [letter["id"] for letter in own_dead_letters(orders, trace_ids, shop)]
    evidence = {"ids": ids} if ids else {}
    return [Check(what="dead letters", ok=len(ids) == expected, expected=str(expected), seen=str(len(ids)), evidence=evidence)]


def applied_checks(outcome: ExpectedOutcome, placed: Placed, shop: ShopClient) -> list[Check]:
    """Check whether the stock includes an order, without an earlier stock."""
    if not outcome.stocks or not placed.accepted:
        return []
    wanted = any(change.change for change in outcome.stocks)
    applied = any(placed.order_id in item["recent"] for item in shop.stock())
    words = {True: "the stock includes the order", False: "the stock does not include the order"}
    return [Check(what="stock", ok=applied == wanted, expected=words[wanted], seen=words[applied])]


def journal_check(incident: str, shop: ShopClient) -> Check:
    """Check that the journal ends with an incident's ``on`` and ``off``."""
    states = [str(line["state"]) for line in shop.journal() if line["incident"] == incident][-2:]
    return Check(what="journal", ok=states == ["on", "off"], expected="on, off", seen=", ".join(states) or "no line")
