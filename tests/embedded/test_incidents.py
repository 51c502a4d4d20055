import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from vshop.incidents.incident import Incident
from vshop.incidents.loader import load_catalogue
from vshop.incidents.patterns import Alerts
from vshop.incidents.verify import Check, Phase, Verdict, verify
from vshop.incidents.verify.batch import BatchVerifier
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.options import Options
from vshop.shop.addresses import Addresses, find
from vshop.shop.client import ShopClient
from vshop.shop.traces import Trace, TraceReader

CATALOGUE = load_catalogue()
SWITCHED = {name: incident for name, incident in CATALOGUE.items() if incident.switch is not None}
PER_REQUEST = sorted(name for name, incident in SWITCHED.items() if "request" in incident.switch.scope)
CHECKS = {
    "auth-connect-timeout": 25,
    "auth-malformed-response": 26,
    "auth-read-timeout": 25,
    "auth-retry-succeeds": 27,
    "auth-token-expired": 26,
    "auth-token-missing": 13,
    "orders-context-lost": 26,
    "orders-poison-message": 31,
    "orders-publish-failed": 25,
    "pricing-division-by-zero": 25,
    "pricing-type-error": 25,
    "stock-conditional-check-failed": 31,
    "stock-consumer-stalled": 27,
    "stock-double-decrement": 25,
    "stock-put-missing-key": 31,
    "stock-rebalance": 23,
    "stock-slow-but-healthy": 23,
    "stock-slow-write": 25,
    "stock-sold-out": 15,
    "stock-table-missing": 29,
    "stock-update-wrong-parameters": 30,
}
"""How verifier checks prove each incident; it may become more, never fewer."""
OFF_AND_ON = 2
"""Checks of the board's acknowledgement and of switching off, which an incident in a single request's baggage does without."""
SERVICES = Path(__file__).parents[2] / "services"


@pytest.mark.slow  # `make test` verifies all of them in parallel, below
@pytest.mark.parametrize("incident", CATALOGUE.values(), ids=list(CATALOGUE))
def test_incident_is_verified(incident: Incident, client: ShopClient, addresses: Addresses) -> None:
    verdict = verify(incident, client, TraceReader(addresses.traces))

    assert verdict.verified, "\n".join(map(str, verdict.failed))
    assert len(verdict.checks) >= CHECKS[incident.id]
    assert verdict.completeness.by == "flush"


def test_every_incident_has_its_number_of_checks() -> None:
    assert CHECKS.keys() == CATALOGUE.keys()


class Quiet:
    def begin(self, incident: str) -> None: ...

    def phase(self, incident: str, phase: Phase, checks: list[Check]) -> None: ...

    def end(self, verdict: Verdict) -> None: ...


def test_all_incidents_are_verified_in_parallel(client: ShopClient, addresses: Addresses) -> None:
    verifier = BatchVerifier(shop=client, traces=TraceReader(addresses.traces), progress=Quiet())

    verdicts = {verdict.incident: verdict for verdict in verifier.in_parallel(list(CATALOGUE.values()))}

    assert {name: "; ".join(map(str, one.failed)) for name, one in verdicts.items() if not one.verified} == {}
    assert {name: one.scope for name, one in verdicts.items() if one.scope == "global"} == dict.fromkeys(
        SWITCHED.keys() - PER_REQUEST, "global"
    )
    fewer = {name: OFF_AND_ON if one.scope == "request" else 0 for name, one in verdicts.items()}
    assert {name for name, one in verdicts.items() if len(one.checks) < CHECKS[name] - fewer[name]} == set()


@pytest.mark.parametrize("name", ["auth-token-expired", "stock-put-missing-key", "orders-context-lost"])
def test_incident_is_verified_for_one_request_alone(name: str, client: ShopClient, addresses: Addresses) -> None:
    verdict = verify(CATALOGUE[name], client, TraceReader(addresses.traces), scope="request")

    assert (verdict.scope, verdict.failed) == ("request", [])


def test_nothing_exported_names_an_incident(shop: Shop, addresses: Addresses, client: ShopClient, reader: TraceReader) -> None:
    """Runs after the verifications, whose telemetry it searches."""
    for name in PER_REQUEST:
        headers = {"baggage": f"shop.chaos={name}"}
        placed = client.place_order(1, discount_code="DEL15", token=client.token(headers=headers), headers=headers)
        reader.wait(placed.trace_id, lambda trace: bool(trace.find(service="orders", kind="SERVER")), timeout_s=30)
    exported = _everything(addresses)
    logs = {path.name: path.read_text() for path in (Path(shop.state.home) / "logs").iterdir() if path.stem != "console"}

    assert len(exported) > 500_000, "there must be something to search"
    assert [name for name in CATALOGUE if name in exported] == []
    assert [(name, file) for name in CATALOGUE for file, text in logs.items() if name in text] == []


def _everything(addresses: Addresses) -> str:
    url = addresses.observatory
    services = requests.get(f"{url}/api/services", timeout=10).json()["data"]
    texts = [requests.get(f"{url}/api/traces", params={"service": name, "limit": 100_000}, timeout=60).text for name in services]
    texts += [requests.get(f"{url}/api/logs", params={"limit": 100_000}, timeout=60).text]
    texts += [requests.get(f"{url}/api/metrics", timeout=60).text]
    return "".join(texts)


def test_parallel_orders_with_incidents_of_their_own_do_not_meet(client: ShopClient, reader: TraceReader) -> None:
    signs = {
        "stock-put-missing-key": "ValidationException",
        "stock-update-wrong-parameters": "ParamValidationError",
        "stock-table-missing": "ResourceNotFoundException",
        "orders-publish-failed": "MSG_SIZE_TOO_LARGE",
        "": None,
    }
    token = client.token()

    def order(name: str) -> tuple[str, Trace]:
        headers = {"baggage": f"shop.chaos={name}"} if name else {}
        placed = client.place_order(2, token=token, headers=headers)
        return name, reader.wait_whole(placed.trace_id, placed.order_id, timeout_s=60)

    with ThreadPoolExecutor(10) as pool:
        traces = list(pool.map(order, [*signs] * 5))

    for name, trace in traces:
        seen = {span.attributes.get("error.type") for span in trace.spans if span.status == "ERROR"} - {"503"}
        assert seen == ({signs[name]} if name else set()), f"{name or 'no incident'}: {trace.trace_id}"


@pytest.mark.slow
def test_without_its_site_an_incident_is_not_verified(shop: Shop, tmp_path: Path) -> None:
    """In a copy of the services without one chaos site, the switch is acknowledged but has no effect."""
    shutil.copytree(SERVICES, tmp_path / "services")
    table = tmp_path / "services/stock_updater/table.py"
    site = 'self._chaos.on("stock-put-missing-key", item=item_id)'
    assert site in table.read_text(encoding="utf-8")
    table.write_text(table.read_text(encoding="utf-8").replace(site, "False"), encoding="utf-8")
    incident = CATALOGUE["stock-put-missing-key"]
    # Its spans are enough to find out, and a wait that is bound to fail may be short.
    spans_only = msgspec.structs.replace(incident.expect, within_ms=2000, logs=[], metrics=[], alerts=Alerts())
    options = Options(free_ports=True, home=str(tmp_path / "home"), env={"PYTHONPATH": str(tmp_path / "services")}, timeout_s=100)

    with Shop.start(options) as broken:
        addresses = find(broken.state.home, {})
        shortened = msgspec.structs.replace(incident, expect=spans_only)
        verdict = verify(shortened, ShopClient(addresses), TraceReader(addresses.traces))

    assert not verdict.verified
    assert {check.phase for check in verdict.failed} == {"on", "recovery"}  # nothing is in the dead letters to be replayed


def test_revealed_evaluations_are_events_of_the_conventions(
    beside: Any, shop: Shop, reader: TraceReader, addresses: Addresses
) -> None:
    revealing = beside("orders", "stock-updater", SHOP_REVEAL_CHAOS="true", SHOP_CONSOLE_URL=shop.addresses["console"])
    client = ShopClient(
        Addresses(orders=revealing.addresses["orders"], auth=addresses.auth, stock=revealing.addresses["stock-updater"])
    )

    placed = client.place_order(1, headers={"baggage": "shop.chaos=stock-put-missing-key"})
    trace = reader.wait_whole(placed.trace_id, placed.order_id, timeout_s=30)

    events = [event.attributes for span in trace.spans for event in span.events if event.name == "feature_flag.evaluation"]
    assert [(event["feature_flag.key"], event["feature_flag.result.variant"]) for event in events] == [
        ("stock-put-missing-key", "on")
    ]


def test_unknown_incidents_are_answered_with_near_ones(addresses: Addresses) -> None:
    answer = requests.put(f"{addresses.console}/chaos/stock-put-mising-key", timeout=5)

    assert answer.status_code == 404
    assert "stock-put-missing-key" in json.dumps(answer.json())
