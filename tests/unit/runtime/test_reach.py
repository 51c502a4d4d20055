"""A shop elsewhere, by its addresses alone."""

from vshop.runtime import ports, reach
from vshop.runtime.shop import Shop


def test_ready_and_not_there(shop: Shop) -> None:
    """What answers /readyz with 200 is ready; where nothing listens, that is said."""
    nowhere = f"http://127.0.0.1:{ports.free(1)[0]}"
    seen = reach.look({"orders": shop.addresses["orders"], "stock": nowhere})
    assert (seen["orders"]["reached"], seen["orders"]["ready"]) == (True, True)
    assert (seen["stock"]["reached"], seen["stock"]["ready"]) == (False, False)
    assert seen["stock"]["seen"].startswith("ConnectionRefusedError")
