"""Shops whose services do not trace themselves: each incident's outcome holds, and docs/instrumentation.md shows the hops."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from vshop.conformance.instrumentation import InstrumentationReport, measure
from vshop.fixture import NotPossibleError, ShopProcess, VirtualShop
from vshop.incidents.loader import load_catalogue
from vshop.incidents.telemetry_fault import load_telemetry_faults
from vshop.incidents.verify import Check, Phase, Verdict
from vshop.incidents.verify.batch import BatchVerifier, with_hops
from vshop.incidents.verify.telemetry_fault import TelemetryFaultVerifier
from vshop.kit.times import Clock
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.options import Options
from vshop.shop.addresses import find
from vshop.shop.traces import TraceError

CATALOGUE = load_catalogue()
PAGE = Path(__file__).parents[2] / "docs" / "instrumentation.md"
BEGIN, END = "<!-- zero-code hops: begin -->\n", "<!-- zero-code hops: end -->\n"
HOPS_OF_AN_ORDER = 7


class Quiet:
    def begin(self, incident: str) -> None: ...

    def phase(self, incident: str, phase: Phase, checks: list[Check]) -> None: ...

    def end(self, verdict: Verdict) -> None: ...


@pytest.fixture(scope="module")
def process(tmp_path_factory, request) -> Iterator[ShopProcess]:
    options = Options(
        free_ports=True,
        home=str(tmp_path_factory.mktemp("home")),
        env={"SHOP_TELEMETRY": request.param},
        timeout_s=100,
        aot=False,
    )
    with Shop.start(options) as running:
        yield ShopProcess(find(running.state.home, {}), exclusive=True, runs=running)


@pytest.fixture
def shop(process) -> VirtualShop:
    return VirtualShop(process)


none = pytest.mark.parametrize("process", ["none"], indirect=True)
zero_code = pytest.mark.parametrize("process", ["zero-code"], indirect=True)


def verifier(process: ShopProcess) -> BatchVerifier:
    return BatchVerifier(shop=process.client, traces=process.traces, progress=Quiet())


def check_outcomes(verdicts: list[Verdict], mode: str) -> None:
    assert {one.incident: "; ".join(map(str, one.failed)) for one in verdicts if not one.verified} == {}
    assert {one.incident for one in verdicts} == CATALOGUE.keys()
    assert {(one.telemetry, one.telemetry_judged) for one in verdicts} == {(mode, False)}
    assert {check.what for one in verdicts for check in one.checks} == {
        *("answer", "dead letters", "journal", "stock", "switch", "switches")
    }


@none
def test_every_outcome_holds_without_telemetry(process):
    """For single requests where the incident allows it: x-shop-chaos carries it."""
    verdicts = list(verifier(process).in_parallel(list(CATALOGUE.values())))

    check_outcomes(verdicts, "none")
    assert {one.scope for one in verdicts} == {"global", "request", "none"}
    assert [one.incident for one in verdicts if one.trace_ids or one.hops] == []


@none
@pytest.mark.slow
def test_every_outcome_holds_without_telemetry_for_everybody(process):
    check_outcomes(list(verifier(process).in_sequence(list(CATALOGUE.values()))), "none")


@none
def test_the_fixture_refuses_traces_at_once(shop):
    order = shop.place_order(4)
    began = time.monotonic()

    for read in (lambda: order.trace, lambda: shop.wait_for_trace(order), lambda: shop.wait_for_logs(order)):
        with pytest.raises(TraceError, match="its telemetry mode is none"):
            read()
    assert time.monotonic() - began < 5


@none
@pytest.mark.parametrize("name", ["auth-token-expired", "stock-put-missing-key", "stock-double-decrement", "stock-sold-out"])
def test_the_fixture_verifies_an_orders_outcome(shop, name):
    with shop.incident(name, scope="request" if CATALOGUE[name].switch else None) as incident:
        (order,) = incident.trigger()
        found = incident.verify(order)

    assert found
    assert found.telemetry == "none"
    assert "telemetry was not judged (mode none)" in repr(found)


@none
def test_telemetry_faults_are_refused_without_telemetry(process):
    verdict = TelemetryFaultVerifier(process.client).verify(load_telemetry_faults()["missing-root"])
    found = subprocess.run(
        [Path(sys.executable).with_name("vshop"), "verify", "--telemetry-faults"],
        env=os.environ | {"VSHOP_HOME": process.shop.state.home},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert [(one.what, one.seen) for one in verdict.failed] == [("telemetry mode", "none")]
    assert (verdict.telemetry, verdict.telemetry_judged) == ("none", False)
    assert found.returncode == 2
    assert "this shop's mode is none" in " ".join(found.stderr.replace("│", "").split())


@none
def test_an_order_without_the_incident_is_not_verified(shop):
    with shop.incident("stock-put-missing-key", scope="request") as incident:
        pass

    assert {check.what for check in incident.verify(shop.place_order(1), timeout_s=1).failed} == {"stock", "dead letters"}


@none
def test_a_trace_has_no_outcome(shop):
    with shop.incident("auth-token-missing") as incident, pytest.raises(NotPossibleError, match="Pass the order"):
        incident.verify("0" * 32)


@zero_code
@pytest.mark.slow
def test_every_outcome_holds_under_an_agent_and_its_hops_are_reported(process):
    began = list(verifier(process).in_sequence(list(CATALOGUE.values())))

    verdicts = with_hops(began, CATALOGUE, process.traces, Clock(), 2.0)

    check_outcomes(verdicts, "zero-code")
    hops = {(one.incident, hop.hop): hop for one in verdicts for hop in one.hops}
    assert [key for key, hop in hops.items() if not hop.span] == []
    assert hops["stock-put-missing-key", "process record"].parent == "linked"
    assert {hop.error for (_, name), hop in hops.items() if name == "PutItem"} == {"yes", "not tried"}
    assert hops["orders-publish-failed", "send record"].error == "no"


@zero_code
@pytest.mark.slow
def test_the_fixture_shows_what_an_agent_recorded(shop):
    with shop.incident("stock-put-missing-key") as incident:
        order = shop.place_order(1)

        assert order.span(service="stock-updater", name="DynamoDB.PutItem").failed
        assert incident.verify(order).telemetry == "zero-code"


@zero_code
@pytest.mark.slow
def test_the_page_shows_the_hops_of_zero_code(process):
    report = measure(process.client, process.traces, lambda _: None, 2.0)
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    shown, after = rest.split(END)
    if os.environ.get("VSHOP_WRITE_DOCS"):
        shown = table(report)
        PAGE.write_text(f"{before}{BEGIN}{shown}{END}{after}", encoding="utf-8")

    assert len(report.hops) == HOPS_OF_AN_ORDER
    assert table(report) == shown


def table(report: InstrumentationReport) -> str:
    rows = [("service", "hop", "span", "parent", "kind", "missing attributes", "payload", "error"), ("---",) * 8]
    for hop in report.hops:
        span = f"`{hop.span}`" if hop.span else "missing"
        missing = ", ".join(hop.missing_attributes) or "none"
        rows += [(hop.service, hop.hop, span, hop.parent, hop.kind, missing, "yes" if hop.payload else "no", hop.error)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
