"""The items, with prices and initial stock, and the shoppers who can log in."""

from typing import NamedTuple


class Item(NamedTuple):
    """One item; ``price`` in cents, ``stock`` in pieces."""

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
        Item(9, "Last umbrella", 2900, 3),  # sells out quickly, on purpose
    )
}

PASSWORD = "shopper"
"""Public on purpose."""


class Shopper(NamedTuple):
    """One shopper; ``id`` is the ``sub`` of their tokens."""

    id: str
    name: str
    email: str


SHOPPERS: dict[str, Shopper] = {
    shopper.id: shopper
    for shopper in (
        Shopper("auth0|5ba1a9227dc7232e1aec4fd0", "Ada", "ada@virtual-shop.local"),
        Shopper("auth0|5ba1a9227dc7232e1aec4fd1", "Grace", "grace@virtual-shop.local"),
        Shopper("auth0|5ba1a9227dc7232e1aec4fd2", "Edsger", "edsger@virtual-shop.local"),
    )
}
