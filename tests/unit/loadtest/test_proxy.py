import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from loadtest.proxy import Mode, Proxy

REFUSAL = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}"
SHORT_S = 0.4


class Echo(socketserver.BaseRequestHandler):
    seen: list[bytes]

    def handle(self):
        with contextlib.suppress(ConnectionResetError):
            while data := self.request.recv(4096):
                self.server.seen.append(data)
                self.request.sendall(data)


@pytest.fixture
def echo() -> Iterator[socketserver.ThreadingTCPServer]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads, server.seen = True, []
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def proxy(echo) -> Iterator[Proxy]:
    with contextlib.closing(Proxy(echo.server_address[1])) as made:
        yield made


def connect(proxy: Proxy) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", proxy.port))
    client.settimeout(10)
    return client


def ask(client: socket.socket, text: bytes = b"x" * 40) -> bytes:
    client.sendall(text)
    return client.recv(4096)


def read_until_reset(client: socket.socket) -> bytes:
    received = b""
    try:
        while data := client.recv(4096):
            received += data
    except ConnectionResetError:
        return received
    raise AssertionError("closed without a reset")


def test_open_passes_bytes_and_the_end(proxy):
    with connect(proxy) as client:
        assert ask(client) == b"x" * 40
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""


def test_latency_delays_both_directions(proxy):
    proxy.set(Mode.LATENCY)
    with connect(proxy) as client:
        began = time.monotonic()
        assert ask(client) == b"x" * 40
        assert time.monotonic() - began > 0.55


def test_a_black_hole_holds_bytes_and_new_connections_until_it_ends(proxy, echo):
    with connect(proxy) as old:
        ask(old)
        proxy.set(Mode.BLACK_HOLE)
        with connect(proxy) as new:
            for client in (old, new):
                client.settimeout(SHORT_S)
                with pytest.raises(TimeoutError):
                    ask(client, b"y" * 40)
            assert b"y" * 40 not in echo.seen
            proxy.set(Mode.OPEN)
            for client in (old, new):
                client.settimeout(10)
                assert client.recv(4096) == b"y" * 40


def test_half_open_delivers_the_request_and_loses_the_answer(proxy, echo):
    proxy.set(Mode.HALF_OPEN)
    with connect(proxy) as client:
        client.settimeout(SHORT_S)
        with pytest.raises(TimeoutError):
            ask(client)
        assert echo.seen == [b"x" * 40]
        proxy.set(Mode.OPEN)
        client.settimeout(10)
        with pytest.raises(ConnectionResetError):
            client.recv(4096)


def test_reset_cuts_the_answer_in_its_middle(proxy, echo):
    proxy.set(Mode.RESET)
    with connect(proxy) as client:
        client.sendall(b"x" * 40)
        assert len(read_until_reset(client)) < 40
    assert echo.seen == [b"x" * 40]


def test_flapping_passes_and_resets_in_turn(proxy):
    proxy.set(Mode.FLAPPING)
    results, deadline = set(), time.monotonic() + 10
    while results != {"passed", "reset"} and time.monotonic() < deadline:
        with connect(proxy) as client:
            try:
                results.add("passed" if ask(client) == b"x" * 40 and not client.settimeout(0.01) else "reset")
            except ConnectionResetError:
                results.add("reset")
    assert results == {"passed", "reset"}


def test_the_proxy_answers_in_place_of_the_server(proxy, echo):
    proxy.set(Mode.ANSWER, REFUSAL)
    with connect(proxy) as client:
        for _ in range(2):
            assert ask(client, b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc") == REFUSAL
    assert echo.seen == []


def test_kafka_s_address_is_replaced_in_answers(proxy, echo):
    def address(port: int) -> bytes:
        return b"\x0a127.0.0.1" + port.to_bytes(4, "big")

    proxy.advertise_for_kafka()
    with connect(proxy) as client:
        assert ask(client, address(echo.server_address[1])) == address(proxy.port)


def test_nothing_behind_the_proxy_resets_the_client():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with contextlib.closing(Proxy(port)) as proxy, connect(proxy) as client:
        assert read_until_reset(client) == b""
