import pytest
import requests

from tests.timing import Budget
from vshop.incidents.loader import load_catalogue
from vshop.shop.addresses import Addresses

SWITCHED = [name for name, incident in load_catalogue().items() if incident.switch is not None]


@pytest.mark.timing
def test_every_change_is_acknowledged_within_half_a_second(addresses: Addresses, budget: Budget) -> None:
    took_ms = {}
    for name in SWITCHED:
        for method in ("PUT", "DELETE"):
            answer = requests.request(method, f"{addresses.console}/chaos/{name}", timeout=5)
            took_ms[method, name] = answer.json()["ackMs"]

    limit_ms = budget(0.5) * 1000
    assert {change: ms for change, ms in took_ms.items() if ms >= limit_ms} == {}
