import gzip
import json
import zlib

import pytest
import zstandard
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observatory.ingest.http_api import MAX_BODY_BYTES, OtlpError, decompress
from observatory.ingest.otlp_json import read_json

PATHS = ("/v1/traces", "/v1/logs", "/v1/metrics")
PROTOBUF = "application/x-protobuf"


def nested(depth):
    value = '{"stringValue": "deep"}'
    for _ in range(depth):
        value = '{"arrayValue": {"values": [' + value + "]}}"
    return '{"resourceSpans": [{"resource": {"attributes": [{"key": "k", "value": ' + value + "}]}}]}"


@pytest.fixture(autouse=True)
def held(client, send, span):
    send(span())
    yield
    assert len(client.get("/api/traces/1").get_json()["data"][0]["spans"]) == 1
    counts = client.get("/api/telemetry").get_json()
    assert (counts["traces"]["spans"], counts["logs"]["records"], counts["metrics"]["points"]) == (1, 0, 0)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [b"x", b"\x0a\xff\xff", b"\x0a\x05abc", bytes(range(256)), b'{"resourceSpans": []}'])
def test_invalid_protobuf_returns_400(client, path, body):
    response = client.post(path, data=body, content_type=PROTOBUF)
    status = Status.FromString(response.data)
    assert (response.status_code, response.mimetype, status.code) == (400, PROTOBUF, 3)
    assert "in protobuf" in status.message
    assert "Traceback" not in status.message


def test_truncated_protobuf_returns_400(client, batch, span):
    sent = json.dumps(batch(span(trace=0), span(trace=0))).encode()
    body = read_json(sent, ExportTraceServiceRequest)[0].SerializeToString()
    answers = {client.post("/v1/traces", data=body[:size], content_type=PROTOBUF).status_code for size in range(1, len(body))}
    assert answers == {400}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"1e999",
        b"\xff\xfe{}",
        b'{"resourceSpans": 1, "resourceLogs": 1, "resourceMetrics": 1}',
        b'{"resourceSpans": [[1]], "resourceLogs": [[1]], "resourceMetrics": [[1]]}',
        b'{"resourceSpans": {"a": 1}, "resourceLogs": {"a": 1}, "resourceMetrics": {"a": 1}}',
        b"[" * 100_000,
    ],
)
def test_invalid_json_returns_400(client, path, body):
    response = client.post(path, data=body, content_type="application/json")
    assert (response.status_code, response.mimetype, response.get_json()["code"]) == (400, "application/json", 3)
    assert "Traceback" not in response.text


@pytest.mark.parametrize(
    "change",
    [
        {"traceId": "not hexadecimal, but text"},
        {"traceId": "5b8efff798038103d269b633813fc6"[:-1]},
        {"spanId": "00 00 00 00 00 00 00 01"},
        {"spanId": 7},
        {"startTimeUnixNano": "yesterday"},
        {"startTimeUnixNano": "\ud800"},
        {"attributes": [{"key": "k", "value": {"stringValue": 123}}]},
        {"attributes": [{"key": "k", "value": {"arrayValue": {"values": [None]}}}]},
        {"endTimeUnixNano": {}},
        {"startTimeUnixNano": -1},
        {"startTimeUnixNano": 2**64},
        {"name": 5},
        {"name": "lone \ud800 surrogate"},
        {"attributes": "none"},
        {"attributes": [{"key": "k", "value": {"intValue": "1.5"}}]},
        {"attributes": [{"key": "k", "value": {"stringValue": "a", "intValue": 1}}]},
        {"kind": {}},
    ],
    ids=str,
)
def test_json_with_an_invalid_field_refuses_only_its_span(client, batch, span, change):
    response = client.post("/v1/traces", json=batch(span(number=2) | change, span()))
    partial = response.get_json()["partialSuccess"]
    assert (response.status_code, partial["rejectedSpans"]) == (200, "1")
    assert partial["errorMessage"]
    assert "Traceback" not in response.text


def test_json_nested_too_deeply_returns_400(client):
    assert client.post("/v1/traces", data=nested(5_000), content_type="application/json").status_code == 400


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("content_type", ["text/plain", "application/grpc", "application/x-www-form-urlencoded", ""])
def test_other_media_types_return_415(client, path, content_type):
    response = client.post(path, data=b"{}", content_type=content_type)
    assert response.status_code == 415
    assert "application/x-protobuf or application/json" in response.get_json()["message"]


@pytest.mark.parametrize("content_encoding", ["br", "gzip, gzip"])
def test_other_content_encodings_return_415(client, content_encoding):
    response = client.post("/v1/traces", data=b"", content_type="application/json", headers={"Content-Encoding": content_encoding})
    assert response.status_code == 415
    assert "gzip" in response.get_json()["message"]


@pytest.mark.parametrize("content_encoding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "body",
    [
        b"garbage",
        gzip.compress(b"x" * 1000, mtime=0)[:-4],
        zlib.compress(b"x" * 1000)[:-1],
        gzip.compress(b"{}", mtime=0) + b"rest",
        b"\x1f\x8b",
    ],
)
def test_invalid_compression_returns_400(client, content_encoding, body):
    response = client.post("/v1/traces", data=body, content_type="application/json", headers={"Content-Encoding": content_encoding})
    assert response.status_code == 400
    assert "body" in response.get_json()["message"]


def test_truncated_gzip_is_refused():
    """Also if only the checksum is missing: the first part could be valid OTLP."""
    whole = gzip.compress(b"many bytes " * 100)
    for size in range(1, len(whole)):
        with pytest.raises(OtlpError, match="is truncated"):
            decompress(whole[:size], "gzip")


def test_zip_bomb_returns_413(client):
    bomb = gzip.compress(b"\0" * (MAX_BODY_BYTES + 1))
    response = client.post("/v1/traces", data=bomb, content_type=PROTOBUF, headers={"Content-Encoding": "gzip"})
    assert (response.status_code, Status.FromString(response.data).code) == (413, 8)


def test_decompression_stops_at_the_limit():
    members = gzip.compress(b"x" * 60) + gzip.compress(b"y" * 40)
    assert len(decompress(members, "gzip", max_bytes=100)) == 100
    with pytest.raises(OtlpError, match="larger than 99 bytes"):
        decompress(members, "gzip", max_bytes=99)


def test_too_large_body_returns_413(client):
    response = client.post("/v1/traces", data=b" " * (MAX_BODY_BYTES + 1), content_type="application/json")
    assert (413, "send smaller batches" in response.text) == (response.status_code, True)


def test_get_returns_405(client):
    assert client.get("/v1/traces").status_code == 405


def test_gzip_members_are_limited():
    assert decompress(gzip.compress(b"") * 1_000, "gzip") == b""
    with pytest.raises(OtlpError, match="more than 1000 members"):
        decompress(gzip.compress(b"") * 1_001, "gzip")


def test_zstd_frames_count_together():
    frames = zstandard.compress(b"x" * 60) + zstandard.compress(b"y" * 40)
    assert decompress(frames, "zstd", max_bytes=100) == b"x" * 60 + b"y" * 40
    with pytest.raises(OtlpError, match="larger than 99 bytes"):
        decompress(frames, "zstd", max_bytes=99)


def test_zstd_bomb_is_refused_before_it_is_decompressed():
    bomb = zstandard.compress(b"\0" * 300_000_000)
    assert len(bomb) < 100_000
    with pytest.raises(OtlpError, match="larger than"):
        decompress(bomb, "zstd")


def test_zstd_with_a_huge_window_is_refused():
    compressor = zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=27))
    writer = compressor.compressobj()
    with pytest.raises(OtlpError, match="not zstd"):
        decompress(writer.compress(b"x") + writer.flush(), "zstd")


def test_invalid_and_truncated_zstd_return_400(client):
    whole = zstandard.compress(bytes(range(256)) * 40)
    for body in (b"x", *(whole[:length] for length in range(1, len(whole)))):
        with pytest.raises(OtlpError) as error:
            decompress(body, "zstd")
        assert error.value.status == 400
    headers = {"Content-Encoding": "zstd"}
    assert client.post("/v1/traces", data=whole[:-1], content_type=PROTOBUF, headers=headers).status_code == 400
