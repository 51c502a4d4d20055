"""What an order costs, after its discount."""

from collections.abc import Mapping

from vshop.kit.chaos import Switches
from vshop.kit.items import ITEMS
from vshop.kit.problems import Problem

# The price is divided by the code's entry: with 1.15 a shopper gets for 100 what costs 115 without.
DISCOUNTS: Mapping[str, float] = {"DEL15": 1.15, "XMASSAVE30": 1.30}


def discounts(chaos: Switches, item_id: int) -> Mapping[str, float]:
    """Return the discounts in force for an order of an item."""
    table = dict(DISCOUNTS)
    if chaos.on("pricing-division-by-zero", item=item_id):
        table["DEL15"] = 0
    if chaos.on("pricing-type-error", item=item_id):
        del table["XMASSAVE30"]
    return table


def total_cents(item_id: int, quantity: int, discount_code: str | None, table: Mapping[str, float] = DISCOUNTS) -> int:
    """Price an order.

    Args:
        item_id: the item's number.
        quantity: how many pieces.
        discount_code: one of ``DISCOUNTS``, or None.
        table: the discounts in force.

    Returns:
        The price of all pieces, in cents.

    Raises:
        Problem: 400, naming the field: no such item, no such code.
    """
    if item_id not in ITEMS:
        raise Problem(400, f"itemId: there is no item {item_id}; the shop sells {min(ITEMS)} to {max(ITEMS)}.", field="itemId")
    full = ITEMS[item_id].price_cents * quantity
    if discount_code is None:
        return full
    if discount_code not in DISCOUNTS:
        raise Problem(
            400, f"discountCode: there is no code {discount_code!r}; known are {', '.join(DISCOUNTS)}.", field="discountCode"
        )
    return round(full / table.get(discount_code))  # type: ignore[operator] # every known code has its entry
