import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.app import create_app
from observatory.forward import Forwarding
from observatory.ingest import Receiver
from observatory.store import LogStore, MetricStore, Stores, TraceStore, otlp
from observatory.store.otlp import as_dict
from tests.any_otlp import any_request
from vshop.conformance import check_log, check_metric, check_resource, check_span
from vshop.corpus.otlp import SIGNALS, document, point_value, points, rows
from vshop.incidents import load_catalogue
from vshop.incidents.exports import Telemetry, write_rcaeval
from vshop.incidents.patterns import ExceptionPattern
from vshop.incidents.scoring import IncidentRun
from vshop.incidents.verify.expect_match import culprits, telemetry_checks
from vshop.incidents.verify.observation import observe
from vshop.incidents.verify.value_match import exception_mismatch
from vshop.shop.client import Placed
from vshop.shop.spans import read_spans
from vshop.shop.traces import Trace

ANY = settings(max_examples=8, deadline=None, derandomize=True, database=None)
SEEDS = st.integers(0, 2**32)
CHECKS = {"traces": check_span, "logs": check_log, "metrics": check_metric}


class Shop:
    def __init__(self, seed):
        stores = Stores(TraceStore(10_000, 10**8), LogStore(10_000, 10**8), MetricStore())
        self.client = create_app(Receiver(stores, Forwarding()), []).test_client()
        for signal in SIGNALS:
            body = any_request(signal, seed).SerializeToString()
            assert self.client.post(f"/v1/{signal}", data=body, content_type="application/x-protobuf").status_code == 200

    def get(self, trace_id):
        answer = self.client.get(f"/api/v3/traces/{trace_id}")
        return Trace(trace_id, read_spans(answer.get_json()) if answer.status_code == 200 else [])

    def search(self, *_):
        return ["01" * 16, "02" * 16]

    def logs(self, **query):
        return self.client.get("/api/logs", query_string=query).get_json()["records"]

    def metrics(self):
        return self.client.get("/api/metrics").get_json()["series"]


@ANY
@given(SEEDS)
def test_any_telemetry_is_compared_with_every_incident(seed):
    shop = Shop(seed)
    placed = Placed(status=202, trace_id="01" * 16, order_id="7", headers={}, body={})
    observation = observe(placed, shop, shop)
    for incident in load_catalogue().values():
        telemetry_checks(incident.expect, [observation])
        culprits(incident.expect, [observation])


@ANY
@given(SEEDS)
def test_any_telemetry_is_exported(tmp_path_factory, seed):
    shop = Shop(seed)
    catalogue = load_catalogue()
    run = IncidentRun(id="r1", incident=next(iter(catalogue)), injected_at=100.0, recovered_at=130.0)
    write_rcaeval(tmp_path_factory.mktemp("out"), [run], catalogue, Telemetry(shop.metrics(), shop.logs(limit=999), []), 200.0)


@pytest.mark.parametrize("signal", SIGNALS)
@ANY
@given(SEEDS)
def test_any_telemetry_is_checked_against_the_conventions(signal, seed):
    request = as_dict(any_request(signal, seed))
    found = list(rows(request, signal))
    for row in found:
        list(CHECKS[signal](row))
        list(check_resource(row))
        if signal == "metrics":
            for point in points(row.item)[1]:
                point_value(point)
    assert len(list(rows(document(found, signal), signal))) == len(found)


@pytest.mark.parametrize("signal", SIGNALS)
def test_null_is_an_empty_list(signal):
    (name,) = (field.json_name for field in otlp.SIGNALS[signal].request.DESCRIPTOR.fields)
    assert list(rows({name: None}, signal)) == []


@pytest.mark.parametrize(
    ("span", "rules"),
    [
        ({}, ["kind"]),
        ({"kind": "SPAN_KIND_SERVER", "status": None, "events": [{}]}, ["kind"]),
        ({"kind": 7, "status": {"code": 9}, "events": None}, ["kind"]),
        ({"kind": 1, "attributes": None}, []),
    ],
)
def test_incomplete_span_is_checked(span, rules):
    (row,) = rows({"resourceSpans": [{"resource": None, "scopeSpans": [{"scope": None, "spans": [span]}]}]}, "traces")
    assert [one.rule for one in check_span(row)] == rules


@pytest.mark.parametrize("kind", [7, None, ["a"], True])
def test_exception_type_may_be_no_text(kind):
    assert exception_mismatch(ExceptionPattern(type="ValueError"), kind, 7) is not None
