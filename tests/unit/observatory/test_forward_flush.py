import threading
import time

import pytest

from observatory.forward.queue import Batch, ForwardQueue


class Receiver:
    name = "http://receiver"

    def __init__(self):
        self.go_on = threading.Event()
        self.taken = []

    def send(self, batch):
        assert self.go_on.wait(10)
        self.taken.append(batch)
        return 0

    def close(self):
        pass


@pytest.fixture
def receiver():
    return Receiver()


@pytest.fixture
def target(receiver):
    target = ForwardQueue(receiver)
    target.start()
    yield target
    receiver.go_on.set()
    target.close()
    target.join()


def test_nothing_queued_is_nothing_to_wait_for(target):
    assert target.wait_sent(time.monotonic() + 10) == 0


def test_requests_that_wait_at_the_deadline_are_counted(target):
    for number in range(3):
        target.offer(Batch("traces", bytes([number]), 1))

    assert target.wait_sent(time.monotonic() + 0.05) == 3


def test_requests_that_come_later_are_not_waited_for(target, receiver):
    target.offer(Batch("traces", b"1", 1))
    waited = []
    waiting = threading.Thread(target=lambda: waited.append(target.wait_sent(time.monotonic() + 10)))
    waiting.start()
    receiver.go_on.set()
    waiting.join(10)

    assert waited == [0]
    assert [batch.body for batch in receiver.taken] == [b"1"]
