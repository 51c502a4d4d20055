import filecmp

import pytest

import vshop
from vshop.conformance import check
from vshop.conformance.sources import from_new_shop
from vshop.corpus.exporter import Replayer, export
from vshop.corpus.loader import CaseFiles
from vshop.corpus.otlp import SIGNALS
from vshop.incidents import load_incident
from vshop.incidents.telemetry_fault import load_telemetry_fault
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.options import Options


@pytest.mark.slow
def test_every_case_verifies_in_a_fresh_observatory(tmp_path):
    with Shop.start(Options(free_ports=True, home=str(tmp_path), parts=("observatory",))) as observatory:
        replay = Replayer(observatory)
        for case in vshop.load_corpus().values():
            files = CaseFiles(id=case.id, signals={signal: case.otlp(signal) for signal in SIGNALS}, truth=case.truth)
            checks = replay.verify(files)

            assert checks
            assert [check for check in checks if not check.ok] == [], case.id


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_two_exports_with_one_seed_are_equal_byte_for_byte(tmp_path):
    incidents = [load_incident(name) for name in ("auth-token-expired", "stock-put-missing-key", "orders-context-lost")]
    for name in ("one", "two"):
        export(incidents, tmp_path / name, seed=7)

    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.json"))
    equal, different, odd = filecmp.cmpfiles(tmp_path / "one", tmp_path / "two", files, shallow=False)
    assert (len(equal), different, odd) == (len(files), [], [])
    assert len(vshop.load_corpus(tmp_path / "two")) == 3


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_telemetry_faults_are_recorded_with_what_they_alter(tmp_path):
    names = ("sampling-head", "truncated-trace-id", "logs-without-trace", "late-parent")
    export([], tmp_path / "new", telemetry_faults=[load_telemetry_fault(name) for name in names])

    corpus = vshop.load_corpus(tmp_path / "new")

    sampled, short, untraced, late = (corpus[name] for name in names)
    assert {case.kind for case in corpus.values()} == {"telemetry"}
    assert short.telemetry_fault.alter[0].action == "shortenTraceId"
    kept = {order["traceId"] for order in sampled.truth["orders"] if order["sampled"]["all"]}
    assert {trace.trace_id for trace in sampled.traces} == kept
    assert len(sampled.logs) >= len(sampled.truth["orders"])
    assert sorted(trace.trace_id.startswith("0" * 16) for trace in short.traces) == [False, True]
    assert untraced.logs
    assert {record.trace_id for record in untraced.logs} == {""}
    assert any(span.kind == "PRODUCER" for span in late.spans), "what came late is in the case"


@pytest.mark.slow
@pytest.mark.parametrize(("dialect", "exceptions"), [("stable", "event"), ("old", "log")])
def test_what_a_shop_emits_violates_no_convention(monkeypatch, dialect, exceptions):
    monkeypatch.setenv("SHOP_EXCEPTIONS", exceptions)

    report = check(from_new_shop(dialect), dialect)

    assert report.violations == []
    assert report.checked["spans"] > 100
