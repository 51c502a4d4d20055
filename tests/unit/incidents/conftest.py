import copy

import msgspec
import pytest
import yaml

from vshop.incidents import load_catalogue

FAULT = {
    "schemaVersion": "1",
    "id": "orders-break",
    "title": "Orders fail",
    "fault": True,
    "pairOf": "orders-seem-broken",
    "story": "They break.",
    "switch": {"services": ["orders"]},
    "trigger": {"order": {"itemId": 1}},
    "symptom": {"shopper": "500", "status": 500},
    "rootCause": {"service.name": "orders", "component": "orders/app", "reason": "it breaks", "code": "services/orders/app.py"},
    "steadyState": {"status": 202},
    "expect": {
        "spans": [{"as": "entry", "service.name": "orders"}, {"as": "bad", "under": "entry", "rootCause": True}],
        "absent": [{"kind": "PRODUCER"}],
        "logs": [{"severity": "ERROR", "correlated": "bad"}],
        "metrics": [{"name": "shop.errors", "moves": {"by": 1}}],
        "alerts": {"firing": [{"rule": "orders-rejected"}], "notFiring": ["order-slow"]},
    },
    "propagation": [{"from": "orders", "to": "shopper", "effect": "fails"}],
    "rollback": "switch off",
    "answer": {"service": "orders", "component": "orders/app", "errorType": "500", "acceptable": {"component": ["orders"]}},
    "workshop": {"level": 1, "hints": ["look"]},
}
TWIN = {
    "schemaVersion": "1",
    "id": "orders-seem-broken",
    "title": "Orders seem to fail",
    "fault": False,
    "pairOf": "orders-break",
    "story": "They do not.",
    "harmless": "It is so.",
    "trigger": {"order": {"itemId": 1}, "token": "none"},
    "symptom": {"shopper": "401", "status": 401},
    "expect": {"spans": [{"as": "entry", "service.name": "orders"}]},
    "workshop": {"level": 1, "hints": ["look"]},
}


@pytest.fixture
def catalogue(tmp_path):
    def write(change=lambda _fault: None, twin_change=lambda _twin: None):
        for plain, spoil in ((FAULT, change), (TWIN, twin_change)):
            one = copy.deepcopy(plain)
            spoil(one)
            (tmp_path / f"{plain['id']}.yaml").write_text(yaml.safe_dump(one, sort_keys=False))
        return tmp_path

    return write


@pytest.fixture
def incidents(catalogue):
    return load_catalogue(catalogue())


@pytest.fixture
def journal():
    def lines(*given):
        return [
            {
                "time": f"2026-01-31T12:00:{line[3]:02d}.000Z",
                "incident": line[1],
                "state": line[2],
                "revision": line[0],
                "by": line[4] if len(line) > 4 else "api",
            }
            for line in given
        ]

    return lines


@pytest.fixture
def plain():
    return msgspec.to_builtins
