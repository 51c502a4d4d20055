import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from observatory.app import create_app
from observatory.store import LogStore, MetricStore, Stores, TraceStore

U32, U64 = st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)
SCALARS = {1: st.floats(), 2: st.floats(width=32), 3: st.integers(-(2**63), 2**63 - 1), 4: U64, 5: st.integers(-(2**31), 2**31 - 1)}
SCALARS |= {6: U64, 7: U32, 8: st.booleans(), 9: st.text(max_size=8), 12: st.binary(max_size=17), 13: U32, 14: st.integers(0, 7)}
IDS = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}


def fill(message, draw, depth=0):
    for field in message.DESCRIPTOR.fields:
        if depth and not draw(st.booleans()):
            continue
        count = draw(st.integers(1 if depth < 3 else 0, 2)) if field.is_repeated else 1
        for _ in range(count):
            if field.type == field.TYPE_MESSAGE:
                part = getattr(message, field.name)
                part = part.add() if field.is_repeated else part
                if depth < 8:
                    fill(part, draw, depth + 1)
                continue
            size = IDS.get(field.name)
            scalar = SCALARS[field.type]
            value = draw(st.one_of(scalar, st.binary(min_size=size, max_size=size)) if size else scalar)
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)


@pytest.mark.parametrize("content_type", ["application/x-protobuf"])
@settings(max_examples=40, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_span_is_stored_or_reported(content_type, data):
    request = ExportTraceServiceRequest()
    fill(request, data.draw)
    stores = Stores(TraceStore(10_000, 10**8), LogStore(9, 9999), MetricStore())
    client = create_app(stores, []).test_client()
    response = client.post("/v1/traces", data=request.SerializeToString(), content_type=content_type)
    assert response.status_code == 200
    spans = [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]
    distinct = {span.SerializeToString() for span in spans}
    refused = ExportTraceServiceResponse.FromString(response.data).partial_success.rejected_spans
    assert stores.traces.counts()["spans"] + refused >= len(distinct)
    for trace in stores.traces.traces():
        for path in ("/api/traces/", "/api/v3/traces/"):
            assert client.get(path + trace.id.hex()).status_code == 200
