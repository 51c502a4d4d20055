"""The three ways of handing on, each against the real thing: HTTP, gRPC, files."""

import http.server
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from observatory.forward_file import FileTransport
from observatory.forward_grpc import GrpcTransport
from observatory.forward_http import HttpTransport
from observatory.forward_target import Batch, RefusedError, TryAgainError

PARTIAL = ExportTraceServiceResponse()
PARTIAL.partial_success.rejected_spans = 2


class Endpoint(http.server.BaseHTTPRequestHandler):
    """An OTLP/HTTP endpoint that answers with what it is told."""

    def do_POST(self):
        """Keep the request, and answer."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, dict(self.headers), body))
        status, headers, answer = self.server.answer
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(answer))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def endpoint():
    """Serve in the background."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        server.taken, server.answer = [], (200, {}, b"")
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def way(endpoint):
    """An HTTP transport to it."""
    transport = HttpTransport(endpoint.url, {"x-key": "k"})
    yield transport
    transport.close()


@pytest.fixture
def request_of_two(span, batch, otlp_bytes):
    """A request with two spans."""
    return Batch("traces", otlp_bytes(batch(span(number=1), span(number=2, attributes={"shop.item.id": 7}))), 2)


def test_http_posts_protobuf_with_the_headers(endpoint, way, request_of_two):
    """To the path of the signal."""
    assert way.send(request_of_two) == 0

    path, headers, body = endpoint.taken[0]
    assert (path, body) == ("/v1/traces", request_of_two.body)
    assert (headers["Content-Type"], headers["x-key"]) == ("application/x-protobuf", "k")


def test_http_reads_how_many_were_refused(endpoint, way, request_of_two):
    """From OTLP's partial success."""
    endpoint.answer = (200, {"Content-Type": "application/x-protobuf"}, PARTIAL.SerializeToString())

    assert way.send(request_of_two) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_http_answers_that_may_pass(endpoint, way, request_of_two, status):
    """And after how long."""
    endpoint.answer = (status, {"Retry-After": "7"}, b"")

    with pytest.raises(TryAgainError) as error:
        way.send(request_of_two)

    assert error.value.after_s == 7


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 500])
def test_http_answers_that_will_not_pass(endpoint, way, request_of_two, status):
    """Redirects too: they would turn a POST into a GET."""
    endpoint.answer = (status, {"Location": endpoint.url}, b"no")

    with pytest.raises(RefusedError, match=str(status)):
        way.send(request_of_two)


def test_a_retry_after_in_the_far_future_is_cut(endpoint, way, request_of_two):
    """A date is read too; nonsense is none."""
    endpoint.answer = (503, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}, b"")
    with pytest.raises(TryAgainError) as late:
        way.send(request_of_two)
    endpoint.answer = (503, {"Retry-After": "soon"}, b"")
    with pytest.raises(TryAgainError) as soon:
        way.send(request_of_two)

    assert (late.value.after_s, soon.value.after_s) == (30.0, 0.0)


def test_no_http_answer_may_pass(request_of_two):
    """Nobody listens there."""
    transport = HttpTransport("http://127.0.0.1:9", {})

    with pytest.raises(TryAgainError, match="ConnectionError"):
        transport.send(request_of_two)
    transport.close()


def test_a_password_in_the_address_is_not_told():
    """The name is shown in /api/telemetry and in logs."""
    assert HttpTransport("https://me:secret@host:1/base?key=k", {}).name == "https://host:1/base"


def test_grpc_calls_export_with_the_bytes_as_they_are(request_of_two):
    """A real server, and a real status."""
    taken, told = [], []

    def export(body, context):
        taken.append(body)
        told.append(dict(context.invocation_metadata()))
        if len(taken) == 2:
            context.abort(grpc.StatusCode.UNAVAILABLE, "later")
        if len(taken) == 3:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no")
        return PARTIAL.SerializeToString()

    handler = grpc.method_handlers_generic_handler(
        "opentelemetry.proto.collector.trace.v1.TraceService", {"Export": grpc.unary_unary_rpc_method_handler(export)}
    )
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, handlers=[handler])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        transport = GrpcTransport(f"grpc://127.0.0.1:{port}", {"x-key": "k"})
        try:
            assert transport.send(request_of_two) == 2
            with pytest.raises(TryAgainError, match="UNAVAILABLE: later"):
                transport.send(request_of_two)
            with pytest.raises(RefusedError, match="UNAUTHENTICATED"):
                transport.send(request_of_two)
        finally:
            transport.close()
            server.stop(0).wait()

    assert taken[0] == request_of_two.body
    assert told[0]["x-key"] == "k"


def test_files_hold_one_json_object_a_line_as_the_file_exporter_writes_them(tmp_path, request_of_two):
    """Ids in hex, enums as numbers, whole numbers of 64 bits as text."""
    transport = FileTransport(tmp_path / "new" / "folder")
    transport.send(request_of_two)
    transport.send(request_of_two)

    lines = (tmp_path / "new" / "folder" / "traces.jsonl").read_text(encoding="utf-8").splitlines()
    first, second = (json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"] for line in lines)

    assert first == second
    assert first[1]["spanId"] == "0000000000000002"
    assert first[1]["kind"] == 1
    assert first[1]["attributes"] == [{"key": "shop.item.id", "value": {"intValue": "7"}}]
