import pytest
import requests

from vshop.incidents.loader import load_catalogue
from vshop.incidents.verify import Check, Phase, Verdict
from vshop.incidents.verify.batch import BatchVerifier
from vshop.kit.telemetry.dialects import OPT_IN, STABILITY
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.options import Options
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient
from vshop.shop.traces import TraceReader

TWO = ("auth-connect-timeout", "stock-put-missing-key")


class Quiet:
    def begin(self, incident: str) -> None: ...

    def phase(self, incident: str, phase: Phase, checks: list[Check]) -> None: ...

    def end(self, verdict: Verdict) -> None: ...


@pytest.mark.parametrize(
    ("form", "exceptions", "names"),
    [
        pytest.param("old", "log", TWO, id="old-log"),
        pytest.param("old", "event", (), id="old-event-all", marks=pytest.mark.slow),
        pytest.param("dup", "both", (), id="dup-both-all", marks=pytest.mark.slow),
        pytest.param("stable", "log", (), id="stable-log-all", marks=pytest.mark.slow),
        pytest.param("old", "log", (), id="old-log-all", marks=pytest.mark.slow),
    ],
)
def test_incidents_are_verified_in_a_dialect(form, exceptions, names, tmp_path):
    catalogue = load_catalogue()
    env = {STABILITY: OPT_IN[form], "SHOP_EXCEPTIONS": exceptions}
    with Shop.start(Options(free_ports=True, home=str(tmp_path), env=env, timeout_s=100)) as shop:
        addresses = find(shop.state.home, {})
        client, reader = ShopClient(addresses), TraceReader(addresses.traces)
        verifier = BatchVerifier(shop=client, traces=reader, progress=Quiet())

        verdicts = list(verifier.in_parallel([catalogue[name] for name in names] or list(catalogue.values())))

        assert {one.incident: [str(check) for check in one.failed] for one in verdicts if not one.verified} == {}
        placed = client.place_order(1, headers={"baggage": "shop.chaos=stock-put-missing-key"})
        trace = reader.wait_whole(placed.trace_id, placed.order_id, timeout_s=30)
        client.flush()
        records = [one for one in client.logs(traceId=placed.trace_id) if one["eventName"] == "exception"]
        events = {(span.span_id, event.attributes["exception.type"]) for span in trace.spans for event in span.exceptions}
        logged = {(one["spanId"], one["exception"]["type"]) for one in records}
        page = requests.get(f"{addresses.console}/api/traces/{placed.trace_id}", timeout=10).json()["spans"]
        criteria = {"exception": next(iter(events | logged))[1]}
        listed = requests.get(f"{addresses.console}/api/traces", {**criteria, "limit": "200"}, timeout=30).json()["traces"]
        assert placed.trace_id in {one["traceId"] for one in listed}

    shown = {(span["id"], one["attributes"]["exception.type"]) for span in page for one in span["events"]}
    # In PutItem, and in the processing of the record.
    assert (len(events), len(logged)) == {"event": (2, 0), "log": (0, 2), "both": (2, 2)}[exceptions]
    assert shown == events | logged
    attributes = {name for span in trace.spans for name in span.attributes}
    assert bool(attributes & {"http.method", "messaging.operation"}) == (form != "stable")
    assert bool(attributes & {"http.request.method", "messaging.operation.type", "db.system.name"}) == (form != "old")
