import json
import os
import subprocess
import sys

import msgspec
import pytest

from vshop.incidents.telemetry_fault import TelemetryFault, load_telemetry_faults
from vshop.incidents.verify import telemetry_fault
from vshop.incidents.verify.telemetry_fault import TelemetryFaultVerifier
from vshop.runtime.local.shop import Shop
from vshop.shop.client import ShopClient

FAULTS = load_telemetry_faults()


@pytest.fixture(scope="module")
def verifier(client: ShopClient) -> TelemetryFaultVerifier:
    return TelemetryFaultVerifier(client)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_telemetry_fault_is_verified(fault: TelemetryFault, verifier: TelemetryFaultVerifier) -> None:
    verdict = verifier.verify(fault)

    assert verdict.verified, "\n".join(map(str, verdict.failed))
    assert verdict.completeness.by == "flush"
    assert {check.phase for check in verdict.checks} == {"clean", "on", "off", "clean again"}


def test_an_incident_and_a_telemetry_fault_combine(client: ShopClient) -> None:
    """The consumer fails to write, and the span that would show it is lost: the metrics still count the dead letter."""
    incident, fault = "stock-put-missing-key", FAULTS["consumer-exporter-died"]
    spans_only = [msgspec.structs.replace(one, signals=["spans"]) for one in fault.alter]
    before = _total(client, "shop.orders.dead_lettered")
    client.switch_on(incident)
    client.telemetry_fault_on(fault.id, spans_only)
    try:
        placed = client.place_order(1)
        client.flush()
        services = {span.service for span in client.stored_spans(placed.trace_id)}
        letters = [letter for letter in client.dead_letters() if str(placed.order_id) in str(letter["value"])]
        on = (client.switched_on(), [one["id"] for one in client.telemetry_faults_on()])
    finally:
        off = client.switch_all_off()["off"]

    assert services == {"orders", "auth-stub"}
    assert len(letters) == 1
    assert _total(client, "shop.orders.dead_lettered") == before + 1
    assert on == ([incident], [fault.id])
    assert sorted(off) == sorted([incident, fault.id])


def _total(client: ShopClient, name: str) -> float:
    return sum(float(series["points"][-1]["value"]) for series in client.metrics(name, points=1) if series["points"])


def test_a_verification_fails_where_the_filter_does_nothing(client: ShopClient, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = FAULTS["missing-root"]
    monkeypatch.setattr(client, "telemetry_fault_on", lambda *_args, **_options: {})
    monkeypatch.setattr(telemetry_fault, "_SETTLED_S", 0.5)

    verdict = TelemetryFaultVerifier(client).verify(fault)

    assert not verdict.verified
    assert {check.what for check in verdict.failed} == {"mark of drop", "switch"}


@pytest.mark.slow
def test_the_command_line_lists_switches_and_verifies(shop: Shop) -> None:
    def run(*args: str) -> tuple[int, str]:
        env = os.environ | {"VSHOP_HOME": shop.state.home, "COLUMNS": "120"}
        done = subprocess.run(
            [sys.executable, "-m", "vshop.cli", *args], env=env, capture_output=True, text=True, timeout=120, check=False
        )
        return done.returncode, done.stdout or done.stderr

    assert run("telemetry-faults", "on", "missing-root")[1].startswith("on  missing-root")
    assert [one["id"] for one in json.loads(run("telemetry-faults", "list", "--json")[1]) if one["on"]] == ["missing-root"]
    assert "missing-root (telemetry fault" in run("chaos", "status")[1]
    assert run("telemetry-faults", "off")[1].strip() == "off missing-root"
    assert run("telemetry-faults", "off")[1].strip() == "No telemetry fault was on."
    assert "story" not in json.loads(run("telemetry-faults", "show", "missing-root", "--json")[1])
    assert "drop SERVER spans of orders" in run("telemetry-faults", "show", "missing-root", "--answer")[1]
    status, said = run("telemetry-faults", "on", "missing-rot")
    assert (status, "Did you mean missing-root" in said) == (1, True)
    status, said = run("verify", "missing-root", "--json")
    assert (status, json.loads(said)[0]["verified"]) == (0, True)
