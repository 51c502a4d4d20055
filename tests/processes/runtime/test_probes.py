from vshop.runtime.local.shop import Shop
from vshop.runtime.model import ports
from vshop.runtime.model.probes import probe_urls


def test_ready_and_unreachable_addresses(shop: Shop) -> None:
    nowhere = f"http://127.0.0.1:{ports.free(1)[0]}"
    seen = probe_urls({"orders": shop.addresses["orders"], "stock": nowhere})
    assert (seen["orders"]["reached"], seen["orders"]["ready"]) == (True, True)
    assert (seen["stock"]["reached"], seen["stock"]["ready"]) == (False, False)
    assert seen["stock"]["seen"].startswith("ConnectionRefusedError")
