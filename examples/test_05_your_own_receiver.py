"""Send every signal also to your OTLP receiver. From the command line: --vshop-otlp-endpoint URL."""

import http.server
import threading

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from vshop.fixture import VirtualShop, Wanted, open_shop

trace_ids = set()
came = threading.Condition()


class Receiver(http.server.BaseHTTPRequestHandler):
    """A minimal OTLP/HTTP receiver, which stores trace ids."""

    def do_POST(self):
        """Receive a request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            request = ExportTraceServiceRequest.FromString(body)
            spans = [span for one in request.resource_spans for scope in one.scope_spans for span in scope.spans]
            with came:
                trace_ids.update(span.trace_id.hex() for span in spans)
                came.notify_all()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def receiver():
    """Serve in the background; yield the address."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_my_receiver_gets_the_trace(receiver):
    """The shop exports to the receiver as well as to its own store."""
    with open_shop(Wanted(otlp_endpoint=receiver)) as process:
        order = VirtualShop(process).place_order()
        with came:
            assert came.wait_for(lambda: order.trace_id in trace_ids, timeout=15)
