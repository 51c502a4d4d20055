"""Recorded incidents with their ground truth: nothing is started, and every run sees the same bytes."""

import pytest

import vshop

CORPUS = vshop.load_corpus()


@pytest.mark.parametrize("case", CORPUS.faults, ids=lambda case: case.id)
def test_every_fault_has_a_culprit(case):
    """The span is in the telemetry; for a missing span, it is the last one before the gap."""
    assert case.culprits
    assert case.incident.root_cause.reason


def test_a_case_in_full():
    """Spans, logs and metrics; and the truth about them."""
    case = CORPUS["stock-put-missing-key"]

    assert case.culprits[0].attributes["error.type"] == "ValidationException"
    assert any("cannot be handled" in str(record.body) for record in case.logs)
    assert case.truth["orders"][0]["status"] == 202


def test_it_is_fit_to_be_sent():
    """OTLP as JSON for /v1/traces of any receiver; Jaeger's JSON for whatever reads its API."""
    case = CORPUS["auth-token-expired"]

    assert case.otlp("traces")["resourceSpans"]
    assert case.jaeger["data"][0]["traceID"] == case.traces[0].trace_id


def test_a_twin_looks_like_a_fault():
    """And nothing is wrong: a finder that blames somebody here is mistaken."""
    twin = CORPUS["auth-retry-succeeds"]

    assert any(span.status == "ERROR" for span in twin.spans)
    assert twin.culprits == []
