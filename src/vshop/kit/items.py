"""What the shop sells: one table, for the prices that orders asks and the stock that stock-updater starts with."""

from typing import NamedTuple


class Item(NamedTuple):
    """One item: its number, its name, its price in cents, and the pieces in stock when the table is new."""

    id: int
    name: str
    price_cents: int
    stock: int


ITEMS: dict[int, Item] = {
    item.id: item
    for item in (
        Item(0, "Espresso cup", 1200, 1_000_000),
        Item(1, "Trail backpack", 8900, 1_000_000),
        Item(2, "Desk lamp", 4500, 1_000_000),
        Item(3, "Wool blanket", 5900, 1_000_000),
        Item(4, "Chess set", 3900, 1_000_000),
        Item(5, "Garden shears", 2400, 1_000_000),
        Item(6, "Bicycle bell", 900, 1_000_000),
        Item(7, "Sourdough kit", 1900, 1_000_000),
        Item(8, "Star map", 1500, 1_000_000),
        Item(9, "Last umbrella", 2900, 3),  # few on purpose: the one that sells out
    )
}
