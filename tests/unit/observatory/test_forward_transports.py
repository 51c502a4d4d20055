import http.server
import json
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from observatory.forward.queue import Batch, RefusedError, RetryableError
from observatory.forward.transports import FileTransport, GrpcTransport, HttpTransport
from vshop.kit.http.session import http_session
from vshop.kit.settings import SettingsError
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient, ShopError

PARTIAL = ExportTraceServiceResponse()
PARTIAL.partial_success.rejected_spans = 2


class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, dict(self.headers), body))
        status, headers, answer = self.server.answer
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(answer))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        """Suppress the log."""


@pytest.fixture
def endpoint():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        server.taken, server.answer = [], (200, {}, b"")
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def transport(endpoint):
    transport = HttpTransport(endpoint.url, {"x-key": "k"})
    yield transport
    transport.close()


@pytest.fixture
def request_of_two(span, batch, otlp_bytes):
    return Batch("traces", otlp_bytes(batch(span(number=1), span(number=2, attributes={"shop.item.id": 7}))), 2)


def test_http_posts_protobuf_with_the_headers(endpoint, transport, request_of_two):
    assert transport.send(request_of_two) == 0

    path, headers, body = endpoint.taken[0]
    assert (path, body) == ("/v1/traces", request_of_two.body)
    assert (headers["Content-Type"], headers["x-key"]) == ("application/x-protobuf", "k")


def test_http_counts_partial_success(endpoint, transport, request_of_two):
    endpoint.answer = (200, {"Content-Type": "application/x-protobuf"}, PARTIAL.SerializeToString())

    assert transport.send(request_of_two) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_http_retryable_status_with_retry_after(endpoint, transport, request_of_two, status):
    endpoint.answer = (status, {"Retry-After": "7"}, b"")

    with pytest.raises(RetryableError) as error:
        transport.send(request_of_two)

    assert error.value.after_s == 7


@pytest.mark.parametrize("status", [301, 400, 401, 404, 413, 500])
def test_http_refused_status(endpoint, transport, request_of_two, status):
    """Redirects too: they would turn a POST into a GET."""
    endpoint.answer = (status, {"Location": endpoint.url}, b"no")

    with pytest.raises(RefusedError, match=str(status)):
        transport.send(request_of_two)


def test_retry_after_is_limited(endpoint, transport, request_of_two):
    endpoint.answer = (503, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}, b"")
    with pytest.raises(RetryableError) as late:
        transport.send(request_of_two)
    endpoint.answer = (503, {"Retry-After": "soon"}, b"")
    with pytest.raises(RetryableError) as soon:
        transport.send(request_of_two)

    assert (late.value.after_s, soon.value.after_s) == (30.0, 0.0)


def test_refused_connection_is_retryable(request_of_two):
    transport = HttpTransport("http://127.0.0.1:9", {})

    with pytest.raises(RetryableError, match="ConnectionError"):
        transport.send(request_of_two)
    transport.close()


def test_name_omits_the_password():
    assert HttpTransport("https://me:secret@host:1/base?key=k", {}).name == "https://host:1/base"


def test_grpc_calls_export_with_the_serialized_request(request_of_two):
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
            with pytest.raises(RetryableError, match="UNAVAILABLE: later"):
                transport.send(request_of_two)
            with pytest.raises(RefusedError, match="UNAUTHENTICATED"):
                transport.send(request_of_two)
        finally:
            transport.close()
            server.stop(0).wait()

    assert taken[0] == request_of_two.body
    assert told[0]["x-key"] == "k"


def test_files_have_one_json_object_per_line_like_the_file_exporters(tmp_path, request_of_two):
    transport = FileTransport(tmp_path / "new" / "folder")
    transport.send(request_of_two)
    transport.send(request_of_two)

    lines = (tmp_path / "new" / "folder" / "traces.jsonl").read_text(encoding="utf-8").splitlines()
    first, second = (json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"] for line in lines)

    assert first == second
    assert first[1]["spanId"] == "0000000000000002"
    assert first[1]["kind"] == 1
    assert first[1]["attributes"] == [{"key": "shop.item.id", "value": {"intValue": "7"}}]


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs/", "/"])
def test_http_takes_the_url_of_one_signal_too(endpoint, request_of_two, path):
    transport = HttpTransport(endpoint.url + path, {})

    transport.send(request_of_two)

    assert [taken[0] for taken in endpoint.taken] == ["/v1/traces"]
    transport.close()


@pytest.fixture
def private_ca(endpoint, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")]), datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "server.pem").write_bytes(pem + certificate.public_bytes(Encoding.PEM))
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    endpoint.socket = context.wrap_socket(endpoint.socket, server_side=True)
    return str(tmp_path / "ca.pem")


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_private_ca_is_trusted_by_forwarding_and_by_clients(endpoint, private_ca, monkeypatch, request_of_two, variable):
    url = endpoint.url.replace("http:", "https:")
    for other in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(variable, private_ca)
    transport, session = HttpTransport(url, {}), http_session("tests")

    transport.send(request_of_two)

    assert session.post(url, b"x").status_code == 200
    transport.close()
    session.close()


def test_unknown_ca_is_named_in_the_error(endpoint, private_ca, request_of_two):
    url = endpoint.url.replace("http:", "https:")
    transport, client = HttpTransport(url, {}), ShopClient(Addresses(orders=url, auth=url))

    with pytest.raises(RetryableError, match=r"certificate is not trusted .*REQUESTS_CA_BUNDLE"):
        transport.send(request_of_two)
    with pytest.raises(ShopError, match=r"certificate is not trusted .*REQUESTS_CA_BUNDLE"):
        client.token()
    transport.close()


def test_missing_ca_file_is_refused(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")

    with pytest.raises(SettingsError, match=r"REQUESTS_CA_BUNDLE=/nowhere.pem does not exist"):
        http_session("tests")
