"""The server: one address, requests under way are finished, errors name the remedy."""

import socket
import struct
import threading
import urllib.request

import pytest

from vshop.kit.server import AddressInUseError, HttpServer


class SlowApp:
    """Answers when it is told to."""

    def __init__(self):
        self.asked = threading.Event()
        self.answer = threading.Event()

    def __call__(self, _environ, start_response):
        """Wait, then answer."""
        self.asked.set()
        assert self.answer.wait(10)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
        return [b"done"]


def _get(port, into):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response:
        into.append(response.read())


def test_a_request_under_way_is_finished_when_the_server_stops():
    """And no new one is taken."""
    app, answers = SlowApp(), []
    with HttpServer(app, "127.0.0.1", 0) as server:
        port = server._server.bind_addr[1]
        request = threading.Thread(target=_get, args=(port, answers))
        request.start()
        assert app.asked.wait(10)
        threading.Timer(0.1, app.answer.set).start()  # while the block is being left
    request.join(10)

    assert answers == [b"done"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


# Cheroot leaves the sockets that it could not bind to the garbage collector.
unclosed = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@unclosed
def test_an_address_in_use_is_named_with_what_to_do():
    """Not the library's stack."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(AddressInUseError, match=f"Cannot listen on 127.0.0.1:{port}: .*set another port"),
            HttpServer(SlowApp(), "127.0.0.1", port),
        ):
            pass


@unclosed
def test_another_machines_address_is_the_same_error():
    """192.0.2.0/24 is nobody's (RFC 5737)."""
    with pytest.raises(AddressInUseError, match=r"192\.0\.2\.1"), HttpServer(SlowApp(), "192.0.2.1", 1):
        pass


def test_an_address_is_free_again_after_the_stop():
    """At once, for a restart."""
    app, answers = SlowApp(), []
    app.answer.set()
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    for _ in range(2):
        with HttpServer(app, "127.0.0.1", port):
            _get(port, answers)

    assert answers == [b"done", b"done"]


def test_a_length_that_is_none_is_refused_at_once():
    """Cheroot would wait for so much: with -1 for the end of the connection."""
    with (
        HttpServer(SlowApp(), "127.0.0.1", 0, drain_s=1) as server,
        socket.create_connection(("127.0.0.1", server._server.bind_addr[1]), timeout=5) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


def test_an_answer_that_nobody_waits_for_is_given_up(monkeypatch):
    """Not left to the garbage collector, which would try to send it once more and, on Python 3.13, say that it cannot."""
    app, connections = SlowApp(), []
    with HttpServer(app, "127.0.0.1", 0) as server:
        make = server._server.ConnectionClass
        monkeypatch.setattr(server._server, "ConnectionClass", lambda *args: connections.append(make(*args)) or connections[-1])
        with socket.create_connection(server._server.bind_addr) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # leaves with a reset
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            assert app.asked.wait(10)
        app.answer.set()
    (connection,) = connections

    assert connection.wfile.closed
