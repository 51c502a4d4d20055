import requests

from vshop.runtime.local.shop import Shop
from vshop.runtime.model.processes import terminate
from vshop.shop.addresses import find


def test_a_switch_to_a_dead_service_names_it_and_is_not_on(breakable: Shop) -> None:
    addresses = find(breakable.state.home, {})
    terminate([breakable.state.processes["auth-stub"]], 5)
    try:
        answer = requests.put(f"{addresses.console}/chaos/auth-token-expired", timeout=20)
        state = requests.get(f"{addresses.console}/chaos/auth-token-expired", timeout=5).json()
    finally:
        breakable.restart("auth-stub")

    assert (answer.status_code, "auth-stub" in answer.json()["detail"], state["on"]) == (504, True, False)
