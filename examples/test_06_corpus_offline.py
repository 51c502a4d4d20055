"""Recorded incidents with their ground truth. No shop is started, and every run reads the same bytes."""

import pytest

import vshop

CORPUS = vshop.load_corpus()


@pytest.mark.parametrize("case", CORPUS.faults, ids=lambda case: case.id)
def test_every_fault_has_a_culprit(case):
    """For a missing span, the culprit is the last span before the gap."""
    assert case.culprits
    assert case.incident.root_cause.reason


def test_a_case_in_full():
    """Its spans, logs, metrics and ground truth."""
    case = CORPUS["stock-put-missing-key"]

    assert case.culprits[0].attributes["error.type"] == "ValidationException"
    assert any("cannot be handled" in str(record.body) for record in case.logs)
    assert case.truth["orders"][0]["status"] == 202


def test_it_is_fit_to_be_sent():
    """As OTLP's JSON for any receiver, and as Jaeger's JSON."""
    case = CORPUS["auth-token-expired"]

    assert case.otlp("traces")["resourceSpans"]
    assert case.jaeger["data"][0]["traceID"] == case.traces[0].trace_id


def test_a_twin_looks_like_a_fault():
    """It has an error, but no culprit."""
    twin = CORPUS["auth-retry-succeeds"]

    assert any(span.status == "ERROR" for span in twin.spans)
    assert twin.culprits == []
