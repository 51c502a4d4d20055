"""The corpus on real processes: what is in it verifies when it is replayed, and a new one is the same bytes."""

import filecmp

import pytest

import vshop
from vshop.conformance import check
from vshop.conformance.emitting import from_a_shop
from vshop.corpus.case_files import CaseFiles
from vshop.corpus.exporting import export
from vshop.corpus.otlp import SIGNALS
from vshop.corpus.replaying import Replay
from vshop.incidents import load_incident


def test_every_case_verifies_in_a_fresh_observatory(tmp_path):
    """Answers, spans, absent spans, logs and metrics, each as its file says."""
    with Replay(tmp_path) as replay:
        for case in vshop.load_corpus().values():
            files = CaseFiles(id=case.id, signals={signal: case.otlp(signal) for signal in SIGNALS}, truth=case.truth)
            checks = replay.verify(files)

            assert checks
            assert [check for check in checks if not check.ok] == [], case.id


@pytest.mark.timeout(240)
def test_two_exports_with_one_seed_are_equal_byte_for_byte(tmp_path):
    """Of a failed call, of a processing that fails, and of two traces that lost each other."""
    incidents = [load_incident(name) for name in ("auth-token-expired", "stock-put-missing-key", "orders-context-lost")]
    for name in ("one", "two"):
        export(incidents, tmp_path / name, seed=7)

    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.json"))
    equal, different, odd = filecmp.cmpfiles(tmp_path / "one", tmp_path / "two", files, shallow=False)
    assert (len(equal), different, odd) == (len(files), [], [])
    assert len(vshop.load_corpus(tmp_path / "two")) == 3


def test_what_a_shop_emits_violates_no_convention():
    """Under every incident that can be on for single requests."""
    report = check(from_a_shop())

    assert report.violations == []
    assert report.checked["spans"] > 100
