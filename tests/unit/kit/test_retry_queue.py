import threading

import pytest

from vshop.kit.telemetry import sending
from vshop.kit.telemetry.sending import RetryQueue


class Receiver:
    def __init__(self) -> None:
        self.silent, self.refused = False, set[str]()
        self.taken: list[str] = []
        self.tries = 0

    def export(self, items):
        self.tries += 1
        if self.silent or self.refused.intersection(items):
            return False
        self.taken += items
        return True


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(sending, "_FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(sending, "_LAST_DELAY_S", 0.02)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def queue(receiver):
    made = RetryQueue(receiver.export, "traces")
    yield made
    made.close()


def test_a_batch_is_sent_at_once(queue, receiver):
    assert queue.send(["a"])
    assert (receiver.taken, queue.waiting, queue.lost) == (["a"], 0, 0)


def test_batches_of_a_silence_arrive_after_it(queue, receiver, eventually):
    receiver.silent = True
    assert not any(queue.send([text]) for text in "abc")
    assert queue.waiting == 3
    receiver.silent = False
    eventually(lambda: sorted(receiver.taken) == ["a", "b", "c"], 10)
    assert (queue.waiting, queue.lost) == (0, 0)
    assert queue.send(["d"])


def test_a_silence_longer_than_the_room_loses_the_oldest_and_counts_them(queue, receiver, eventually):
    receiver.silent = True
    for number in range(30):
        queue.send([f"{number}", "x"])
    assert queue.waiting <= 10
    assert queue.waiting + queue.lost == 60
    receiver.silent = False
    eventually(lambda: not queue.waiting, 10)
    assert len(receiver.taken) + queue.lost == 60
    assert "29" in receiver.taken


def test_a_batch_that_is_always_refused_holds_up_no_other_and_is_given_up(queue, receiver, eventually, monkeypatch):
    receiver.refused = {"bad"}
    queue.send(["bad"])
    for text in "abc":
        queue.send([text])
    eventually(lambda: sorted(receiver.taken) == ["a", "b", "c"], 10)
    monkeypatch.setattr(sending, "_PATIENCE_S", 0.0)
    eventually(lambda: queue.lost == 1, 10)
    assert queue.waiting == 0


def test_a_flush_sends_what_waits(queue, receiver, monkeypatch):
    monkeypatch.setattr(sending, "_FIRST_DELAY_S", 60)
    receiver.silent = True
    queue.send(["a"])
    queue.flush(5)
    receiver.silent = False
    queue.flush(5)
    assert (receiver.taken, queue.waiting) == (["a"], 0)


def test_a_flush_of_a_silent_receiver_ends_with_its_try(queue, receiver):
    receiver.silent = True
    queue.send(["a"])
    queue.flush(60)
    assert queue.waiting == 1


def test_a_stop_counts_what_it_leaves(queue, receiver):
    receiver.silent = True
    queue.send(["a", "b"])
    queue.close()
    assert (queue.waiting, queue.lost) == (0, 2)
    queue.send(["c"])
    assert queue.lost + queue.waiting == 3


def test_nothing_waits_for_a_try_that_hangs(queue, receiver, monkeypatch):
    hangs, go_on = threading.Event(), threading.Event()
    receiver.silent = True
    queue.send(["a"])

    def hang(items):
        hangs.set()
        go_on.wait(10)
        return True

    monkeypatch.setattr(queue, "_export", hang)
    assert hangs.wait(10)
    assert not queue.send(["b"])
    assert queue.waiting == 2
    go_on.set()
