"""What an order costs, after its discount."""

from collections.abc import Mapping

from vshop.kit.items import ITEMS
from vshop.kit.problems import Problem

# The price is divided by the code's entry: with 1.15 a shopper gets for 100 what costs 115 without.
DISCOUNTS: Mapping[str, float] = {"DEL15": 1.15, "XMASSAVE30": 1.30}


def total_cents(item_id: int, quantity: int, discount_code: str | None) -> int:
    """Price an order.

    Args:
        item_id: the item's number.
        quantity: how many pieces.
        discount_code: one of ``DISCOUNTS``, or None.

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
    return round(full / DISCOUNTS[discount_code])
