"""A machine or network that disappears closes no connection, so clients must give up silent ones."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.docker.conftest import Started, broker
from tests.waiting import wait_until
from vshop.runtime.model import ports
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient, ShopError


class Network:
    def __init__(self, near: int, far: int) -> None:
        self._listener, self._far = socket.create_server(("127.0.0.1", near)), far
        self._stop, self._cut = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []

    def run(self) -> None:
        while True:
            near, _ = self._listener.accept()
            if self._stop.is_set():
                near.close()
                return
            self._threads.append(threading.Thread(target=self._forward, args=(near, self._cut)))
            self._threads[-1].start()

    def _forward(self, near: socket.socket, cut: threading.Event) -> None:
        with near, socket.create_connection(("127.0.0.1", self._far)) as far, suppress(ConnectionError):
            other = {near: far, far: near}
            while not cut.is_set():
                for ready in select.select([near, far], [], [], 0.1)[0]:
                    if not (data := ready.recv(65536)):
                        return
                    other[ready].sendall(data)
            self._stop.wait()  # open to the end: nobody is told that nothing comes any more

    def cut(self) -> None:
        self._cut.set()
        self._cut = threading.Event()

    def close(self) -> None:
        self._stop.set()
        self.cut()
        socket.create_connection(self._listener.getsockname()).close()  # the one that ``run`` waits for
        for thread in self._threads:
            thread.join()
        self._listener.close()


@pytest.fixture
def network(engine) -> Iterator[tuple[int, Network]]:
    near, far = ports.free(2)
    with broker(published=far, advertised=near):
        made = Network(near, far)
        listening = threading.Thread(target=made.run)
        listening.start()
        yield near, made
        made.close()
        listening.join()


@pytest.mark.timeout(300)
def test_orders_go_on_after_connections_fell_silent(network: tuple[int, Network], on_servers: Started):
    """Twice: after the second time, a consumer with the defaults of librdkafka stayed away."""
    port, net = network
    client = ShopClient(find(on_servers(SHOP_KAFKA_BOOTSTRAP=f"127.0.0.1:{port}").state.home, {}))

    def is_accepted() -> bool:
        with suppress(ShopError):
            return client.place_order(1).accepted
        return False

    for _ in range(3):
        net.cut()
        before = client.item(1)["stock"]
        wait_until(is_accepted, 40)
        wait_until(lambda seen=before: client.item(1)["stock"] < seen, 40)
