import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import requests

from vshop.kit.http import session as module
from vshop.kit.http.server import IDLE_TIMEOUT_S
from vshop.kit.http.session import failure_reason, http_session


class _Server(ThreadingHTTPServer):
    connections = 0
    agents: tuple[str, ...] = ()

    def process_request(self, request, client_address):
        self.connections += 1
        super().process_request(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.agents += (self.headers["User-Agent"],)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server(("127.0.0.1", 0), _Handler) as made:
        made.daemon_threads = True
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture
def ask(server):
    session = http_session("somebody")
    yield lambda: session.get(f"http://127.0.0.1:{server.server_address[1]}/", timeout=5).text
    session.close()


def test_a_fresh_connection_is_used_again(ask, server):
    assert (ask(), ask(), ask()) == ("ok", "ok", "ok")
    assert (server.connections, server.agents) == (1, ("somebody",) * 3)


def test_an_idle_connection_is_not_used_again(ask, server, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    ask()
    clock[0] += module.IDLE_S - 0.1
    ask()
    assert server.connections == 1

    clock[0] += module.IDLE_S + 0.1
    ask()
    ask()

    assert server.connections == 2


def test_the_idle_limit_is_below_that_of_the_services():
    assert IDLE_TIMEOUT_S / 2 >= module.IDLE_S


def test_no_proxy_is_used(monkeypatch, ask, server):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get(f"http://127.0.0.1:{server.server_address[1]}/", timeout=5)

    assert ask() == "ok"


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def _failure(url: str) -> requests.RequestException:
    with pytest.raises(requests.RequestException) as caught:
        http_session("somebody").get(url, timeout=0.2)
    return caught.value


def test_reason_of_a_refused_connection(silent):
    port = silent.getsockname()[1]
    silent.close()

    assert failure_reason(_failure(f"http://127.0.0.1:{port}/")) == "Connection refused"


def test_reason_of_a_timeout(silent):
    assert failure_reason(_failure(f"http://127.0.0.1:{silent.getsockname()[1]}/")) == "timed out"


def test_reason_of_a_closed_connection(silent):
    def close() -> None:
        connection, _ = silent.accept()
        connection.recv(1000)
        connection.close()

    threading.Thread(target=close, daemon=True).start()

    assert (
        failure_reason(_failure(f"http://127.0.0.1:{silent.getsockname()[1]}/")) == "Remote end closed connection without response"
    )


def test_an_error_that_was_being_handled_is_not_the_reason(silent):
    try:
        {}["another"]
    except KeyError:
        failure = _failure(f"http://127.0.0.1:{silent.getsockname()[1]}/")

    assert failure_reason(failure) == "timed out"


def test_reason_of_an_error_status():
    answer = requests.Response()
    answer.status_code, answer.url = 404, "http://there/"

    with pytest.raises(requests.HTTPError) as caught:
        answer.raise_for_status()

    assert failure_reason(caught.value).startswith("404 Client Error")
