import contextlib
import logging
import socket
import struct
import threading
import urllib.request

import pytest

from vshop.kit.http.server import AddressInUseError, HttpServer


class SlowApp:
    def __init__(self):
        self.asked = threading.Event()
        self.answer = threading.Event()

    def __call__(self, environ, start_response):
        self.environ = environ
        self.asked.set()
        assert self.answer.wait(10)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
        return [b"done"]


def _get(port, into):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response:
        into.append(response.read())


def test_a_request_in_progress_is_finished_when_the_server_stops():
    app, answers = SlowApp(), []
    with HttpServer(app, "127.0.0.1", 0) as server:
        port = server.port
        request = threading.Thread(target=_get, args=(port, answers))
        request.start()
        assert app.asked.wait(10)
        threading.Timer(0.1, app.answer.set).start()  # while the block is being left
    request.join(10)

    assert answers == [b"done"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_an_address_in_use_is_an_error_with_advice():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(AddressInUseError, match=f"Cannot listen on 127.0.0.1:{port}: .*set another port"),
            HttpServer(SlowApp(), "127.0.0.1", port),
        ):
            pass


def test_an_address_of_another_machine_is_the_same_error():
    with pytest.raises(AddressInUseError, match=r"192\.0\.2\.1"), HttpServer(SlowApp(), "192.0.2.1", 1):
        pass


def test_an_address_is_free_after_the_stop():
    app, answers = SlowApp(), []
    app.answer.set()
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    for _ in range(2):
        with HttpServer(app, "127.0.0.1", port):
            _get(port, answers)

    assert answers == [b"done", b"done"]


def exchange(server, request, size=100):
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(request)
        return connection.recv(size)


def test_an_invalid_content_length_is_refused_at_once():
    with HttpServer(SlowApp(), "127.0.0.1", 0, drain_s=1) as server:
        assert exchange(server, b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_large_headers_are_refused():
    with HttpServer(SlowApp(), "127.0.0.1", 0, drain_s=1) as server:
        assert b" 431 " in exchange(server, b"GET / HTTP/1.1\r\nHost: a\r\nX-Large: " + b"x" * 100_000)


def test_half_sent_requests_hold_no_thread():
    app = SlowApp()
    app.answer.set()
    halves = (b"GET / HTTP/1.1\r\nHost: a\r\nX-Half", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
    with HttpServer(app, "127.0.0.1", 0, threads=2) as server, contextlib.ExitStack() as held:
        for half in halves * 5:
            held.enter_context(socket.create_connection(("127.0.0.1", server.port))).sendall(half)

        assert exchange(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("sends_on", [True, False])
def test_pipelined_requests_are_answered_in_order(sends_on):
    app = SlowApp()
    app.answer.set()
    with HttpServer(app, "127.0.0.1", 0) as server, socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 3)
        if not sends_on:
            client.shutdown(socket.SHUT_WR)
        received = b""
        while received.count(b"done") < 3:
            received += client.recv(1000)

    assert received.count(b"HTTP/1.1 200 OK") == 3


def test_a_disconnected_client_is_noticed_and_leaves_no_log(eventually, caplog):
    app = SlowApp()
    with HttpServer(app, "127.0.0.1", 0, notice_disconnects=True) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # leaves with a reset
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            assert app.asked.wait(10)
            assert not app.environ["waitress.client_disconnected"]()
        eventually(app.environ["waitress.client_disconnected"])
        app.answer.set()

    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
