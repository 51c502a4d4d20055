import gzip
import io
import json
import zlib

import pytest
import zstandard
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse

from observatory.ingest.otlp_json import read_json


def protobuf(content):
    return read_json(json.dumps(content).encode(), ExportTraceServiceRequest)[0].SerializeToString()


def test_protobuf_request_gets_protobuf_response(client, batch, span):
    response = client.post("/v1/traces", data=protobuf(batch(span())), content_type="application/x-protobuf")
    assert (response.status_code, response.mimetype, response.data) == (200, "application/x-protobuf", b"")
    assert client.get("/api/services").get_json()["data"] == ["orders"]


def test_json_request_gets_json_response(client, batch, span):
    response = client.post("/v1/traces", json=batch(span()))
    assert (response.status_code, response.mimetype, response.get_json()) == (200, "application/json", {})
    assert client.get("/api/services").get_json()["data"] == ["orders"]


@pytest.mark.parametrize(
    ("name", "compress"), [("gzip", gzip.compress), ("GZIP", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)]
)
def test_compressed_bodies(client, batch, span, name, compress):
    body = compress(protobuf(batch(span())))
    response = client.post("/v1/traces", data=body, content_type="application/x-protobuf", headers={"Content-Encoding": name})
    assert response.status_code == 200, response.data
    assert client.get("/api/services").get_json()["data"] == ["orders"]


def test_gzip_of_several_members(client, batch, span):
    body = protobuf(batch(span()))
    joined = gzip.compress(body[:50]) + gzip.compress(body[50:])
    response = client.post("/v1/traces", data=joined, content_type="application/x-protobuf", headers={"Content-Encoding": "gzip"})
    assert response.status_code == 200, response.data


def test_a_chunked_body(client, batch, span):
    body = protobuf(batch(span()))
    response = client.post(
        "/v1/traces",
        input_stream=io.BytesIO(body),
        content_type="application/x-protobuf",
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert response.status_code == 200, response.data
    assert client.get("/api/services").get_json()["data"] == ["orders"]


def test_json_variants_mean_the_same_span(client, span, batch):
    plain = span(kind=2, attributes={"n": 5})
    fancy = plain | {
        "kind": "SPAN_KIND_SERVER",
        "traceId": plain["traceId"].upper(),
        "startTimeUnixNano": int(plain["startTimeUnixNano"]),
        "attributes": [{"key": "n", "value": {"intValue": "5"}, "later": {}}],
        "events": None,
        "aFieldOfTomorrow": [1, {"x": None}],
    }
    client.post("/v1/traces", json=batch(plain))
    client.post("/v1/traces", json=batch(fancy))
    trace = client.get("/api/traces/1").get_json()["data"][0]
    assert len(trace["spans"]) == 1  # equal spans are shown once


def test_spans_with_invalid_ids_are_refused_one_by_one(client, batch, span):
    good = span(number=9)
    bad = [
        span(trace=0),
        span(number=0),
        span() | {"traceId": "aa"},
        span() | {"spanId": "aa" * 9},
        span() | {"traceId": ""},
        span() | {"parentSpanId": "aabb"},
    ]
    answer = client.post("/v1/traces", json=batch(*bad, good)).get_json()
    assert answer["partialSuccess"]["rejectedSpans"] == str(len(bad))
    assert "wrong length" in answer["partialSuccess"]["errorMessage"]
    counts = client.get("/api/telemetry").get_json()["traces"]
    assert (1, len(bad), len(bad) + 1) == (counts["spans"], counts["refusedSpans"], counts["receivedSpans"])


def test_partial_success_in_protobuf(client, batch, span):
    response = client.post("/v1/traces", data=protobuf(batch(span(trace=0))), content_type="application/x-protobuf")
    assert ExportTraceServiceResponse.FromString(response.data).partial_success.rejected_spans == 1


def test_an_all_zero_parent_means_a_root(client, send, span):
    """Some exporters send zeros for the missing parent."""
    send(span() | {"parentSpanId": "0" * 16})
    shown = client.get("/api/traces/1").get_json()["data"][0]["spans"][0]
    assert (shown["references"], shown["warnings"]) == ([], None)


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/metrics"])
@pytest.mark.parametrize(("content_type", "body"), [("application/x-protobuf", b""), ("application/json; charset=utf-8", b"{}")])
def test_empty_request_returns_200(client, path, content_type, body):
    assert client.post(path, data=body, content_type=content_type).status_code == 200


def test_attributes_without_key_or_value_can_be_read(client, batch, span):
    sent = batch(span(1) | {"attributes": [{"value": {"stringValue": "x"}}, {"key": "k"}, {}], "events": [{"attributes": [{}]}]})

    assert client.post("/v1/traces", json=sent).status_code == 200
    for path in ("/api/traces/1", "/api/traces/1?raw=true", "/api/v3/traces/1", "/api/v3/traces/1?raw_traces=true"):
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/traces/"])
@pytest.mark.parametrize("content_type", ["application/protobuf", "application/x-protobuf; charset=utf-8"])
def test_other_spellings_of_path_and_media_type(client, batch, span, path, content_type):
    response = client.post(path, data=protobuf(batch(span())), content_type=content_type)
    assert (response.status_code, response.mimetype) == (200, content_type.partition(";")[0])
    assert client.get("/api/services").get_json()["data"] == ["orders"]


def test_zstd(client, batch, span):
    body = zstandard.compress(protobuf(batch(span())))
    response = client.post("/v1/traces", data=body, content_type="application/x-protobuf", headers={"Content-Encoding": "zstd"})
    assert response.status_code == 200, response.data
