import gzip
import http.server
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc


class Received(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


@contextmanager
def http_receiver() -> Iterator[tuple[int, list[Received]]]:
    taken: list[Received] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body, headers = self.rfile.read(int(self.headers["Content-Length"])), {k.lower(): v for k, v in self.headers.items()}
            zipped = headers.get("content-encoding") == "gzip"
            taken.append(Received(self.path, headers, gzip.decompress(body) if zipped else body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Be quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, taken
        server.shutdown()


class AnyMethod(grpc.GenericRpcHandler):
    def __init__(self) -> None:
        self.called: set[str] = set()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        self.called.add(details.method)
        return grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")


@contextmanager
def grpc_receiver() -> Iterator[tuple[int, AnyMethod]]:
    handler = AnyMethod()
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool, handlers=[handler])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield port, handler
        server.stop(None).wait()
