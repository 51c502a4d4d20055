"""What is no OTLP is refused with a clear answer: nothing is lost, no stack trace is shown."""

import gzip
import json
import zlib

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observatory import otlp_decode
from observatory.otlp_decode import MAX_BODY_BYTES, OtlpError, decompress

PATHS = ("/v1/traces", "/v1/logs", "/v1/metrics")
PROTOBUF = "application/x-protobuf"


def nested(depth):
    """Write an attribute value of lists in lists."""
    value = '{"stringValue": "deep"}'
    for _ in range(depth):
        value = '{"arrayValue": {"values": [' + value + "]}}"
    return '{"resourceSpans": [{"resource": {"attributes": [{"key": "k", "value": ' + value + "}]}}]}"


@pytest.fixture(autouse=True)
def held(client, send, span):
    """Something is held before, and must still be held afterwards."""
    send(span())
    yield
    assert len(client.get("/api/traces/1").get_json()["data"][0]["spans"]) == 1
    counts = client.get("/api/telemetry").get_json()
    assert (counts["traces"]["spans"], counts["logs"]["records"], counts["metrics"]["points"]) == (1, 0, 0)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", [b"x", b"\x0a\xff\xff", b"\x0a\x05abc", bytes(range(256)), b'{"resourceSpans": []}'])
def test_broken_protobuf(client, path, body):
    """Bytes that are no protobuf get 400 and a google.rpc.Status in protobuf."""
    response = client.post(path, data=body, content_type=PROTOBUF)
    status = Status.FromString(response.data)
    assert (response.status_code, response.mimetype, status.code) == (400, PROTOBUF, 3)
    assert "in protobuf" in status.message
    assert "Traceback" not in status.message


def test_protobuf_cut_off_anywhere(client, batch, span):
    """A request cut off in the middle is refused as a whole, or is a whole request of less; it never ends in a 500."""
    body = otlp_decode.json_body(
        json.dumps(batch(span(trace=0), span(trace=0))).encode(), ExportTraceServiceRequest
    ).SerializeToString()
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
def test_broken_json(client, path, body):
    """Text that is no JSON, or not of this message, gets 400 and a google.rpc.Status in JSON."""
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
def test_json_of_a_wrong_shape(client, batch, span, change):
    """One field that cannot be read makes the request wrong; the answer says why."""
    response = client.post("/v1/traces", json=batch(span(number=2) | change))
    assert response.status_code == 400, response.text
    assert "in JSON" in response.get_json()["message"]
    assert "Traceback" not in response.text


def test_json_nested_too_deeply(client):
    """Values nested beyond what protobuf allows get 400."""
    assert client.post("/v1/traces", data=nested(5_000), content_type="application/json").status_code == 400


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("content_type", ["text/plain", "application/grpc", "application/x-www-form-urlencoded", ""])
def test_other_media_types(client, path, content_type):
    """Other media types get 415, and are told which to send."""
    response = client.post(path, data=b"{}", content_type=content_type)
    assert response.status_code == 415
    assert "application/x-protobuf or application/json" in response.get_json()["message"]


@pytest.mark.parametrize("content_encoding", ["br", "zstd", "gzip, gzip"])
def test_other_content_encodings(client, content_encoding):
    """Other compressions get 415, and are told which to use."""
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
def test_broken_compression(client, content_encoding, body):
    """What does not decompress to its end gets 400."""
    response = client.post("/v1/traces", data=body, content_type="application/json", headers={"Content-Encoding": content_encoding})
    assert response.status_code == 400
    assert "body" in response.get_json()["message"]


def test_compressed_bytes_that_end_too_early_are_never_taken_for_the_whole():
    """Cut off anywhere, also where only the checksum is missing, it is refused: its first part could be valid OTLP."""
    whole = gzip.compress(b"many bytes " * 100)
    for size in range(1, len(whole)):
        with pytest.raises(OtlpError, match="ends before its end"):
            decompress(whole[:size], "gzip")


def test_a_zip_bomb(client):
    """A small body that would grow beyond the limit gets 413."""
    bomb = gzip.compress(b"\0" * (MAX_BODY_BYTES + 1))
    response = client.post("/v1/traces", data=bomb, content_type=PROTOBUF, headers={"Content-Encoding": "gzip"})
    assert (response.status_code, Status.FromString(response.data).code) == (413, 8)


def test_decompression_stops_at_the_limit():
    """Many members count together, and exactly the limit is allowed."""
    members = gzip.compress(b"x" * 60) + gzip.compress(b"y" * 40)
    assert len(decompress(members, "gzip", max_bytes=100)) == 100
    with pytest.raises(OtlpError, match="larger than 99 bytes"):
        decompress(members, "gzip", max_bytes=99)


def test_a_body_beyond_the_limit(client):
    """An uncompressed body beyond the limit gets 413."""
    response = client.post("/v1/traces", data=b" " * (MAX_BODY_BYTES + 1), content_type="application/json")
    assert (413, "send smaller batches" in response.text) == (response.status_code, True)


def test_only_post_is_taken(client):
    """Asking where one should send gets 405."""
    assert client.get("/v1/traces").status_code == 405


def test_a_million_empty_members_are_not_read():
    """They would take minutes, and grow to nothing."""
    assert decompress(gzip.compress(b"") * 1_000, "gzip") == b""
    with pytest.raises(OtlpError, match="more than 1000 members"):
        decompress(gzip.compress(b"") * 1_001, "gzip")
