"""Prices an order, including its discount."""

from collections.abc import Mapping

from vshop.kit.chaos.switches import Switches
from vshop.kit.demo_data import ITEMS
from vshop.kit.http.problems import Problem

# The price is divided by the code's value: with 1.15, goods worth 115 cost 100.
DISCOUNTS: Mapping[str, float] = {"DEL15": 1.15, "XMASSAVE30": 1.30}


def active_discounts(chaos: Switches, item_id: int) -> Mapping[str, float]:
    """Return the discount table for an item, with the faults that are on."""
    table = dict(DISCOUNTS)
    if chaos.on("pricing-division-by-zero", item=item_id):
        table["DEL15"] = 0
    if chaos.on("pricing-type-error", item=item_id):
        del table["XMASSAVE30"]
    return table


def total_cents(item_id: int, quantity: int, discount_code: str | None, table: Mapping[str, float] = DISCOUNTS) -> int:
    """Return the price in cents. Raises Problem 400 if item or code does not exist; ``field`` names it."""
    if item_id not in ITEMS:
        raise Problem(400, f"itemId: there is no item {item_id}; the shop sells {min(ITEMS)} to {max(ITEMS)}.", field="itemId")
    full_price = ITEMS[item_id].price_cents * quantity
    if discount_code is None:
        return full_price
    if discount_code not in DISCOUNTS:
        raise Problem(
            400, f"discountCode: there is no code {discount_code!r}; known are {', '.join(DISCOUNTS)}.", field="discountCode"
        )
    return round(full_price / table.get(discount_code))  # type: ignore[operator] # only a fault removes a known code
