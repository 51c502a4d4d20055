"""What came in is handed on: in order, tried again where that may help, counted where it is lost, and nobody ever waits for it."""

import threading
import time

import pytest

from observatory.app import create_app
from observatory.forward import Forwarding, from_settings
from observatory.forward_target import Batch, RefusedError, Target, TryAgainError
from observatory.log_store import LogStore
from observatory.metric_store import MetricStore
from observatory.trace_store import TraceStore
from vshop.kit.settings import Settings, SettingsError


class Receiver:
    """Stands in for a target: answers as it is told to, and keeps what it took."""

    name = "http://receiver"

    def __init__(self, *answers):
        """Args: answers: for one request after the other: an exception to raise, or how many items are refused."""
        self.answers = list(answers)
        self.taken, self.closed, self.thread = [], False, None
        self._changed = threading.Condition()

    def send(self, batch):
        """Take a request, or fail."""
        self.thread = threading.get_ident()
        answer = self.answers.pop(0) if self.answers else 0
        if isinstance(answer, Exception):
            raise answer
        with self._changed:
            self.taken.append(batch)
            self._changed.notify_all()
        return answer

    def wait(self, count):
        """Wait until so many requests were taken."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.taken) >= count, timeout=10)

    def close(self):
        """Be closed."""
        self.closed = True


def batch(number=1, signal="traces"):
    """Make a request of one item."""
    return Batch(signal, b"x" * 100 + bytes([number]), 1)


def counted(target, key, signal="traces"):
    """Wait until a count is not empty, and return it."""
    deadline = time.monotonic() + 10
    while not target.counts()[key].get(signal):
        assert time.monotonic() < deadline, target.counts()
        threading.Event().wait(0.01)
    return target.counts()[key][signal]


def test_requests_arrive_in_their_order_by_another_thread():
    """One thread for each target; the one that offers goes on at once."""
    receiver = Receiver()
    with Forwarding([target := Target(receiver)]):
        for number in range(5):
            target.offer(batch(number))
        receiver.wait(5)

    assert [one.body[-1] for one in receiver.taken] == [0, 1, 2, 3, 4]
    assert receiver.thread != threading.get_ident()
    assert receiver.closed


def test_what_may_pass_is_tried_again():
    """The request itself, before any that came after it."""
    receiver = Receiver(TryAgainError("HTTP 503"), TryAgainError("HTTP 429", after_s=0.05))
    with Forwarding([target := Target(receiver)]):
        target.offer(batch(1))
        target.offer(batch(2))
        receiver.wait(2)

    counts = target.counts()
    assert [one.body[-1] for one in receiver.taken] == [1, 2]
    assert (counts["retries"], counts["dropped"], counts["lastError"]) == (2, {}, "HTTP 429")


def test_what_is_refused_is_counted_and_the_next_one_goes_on():
    """Whatever a target does to one request, the thread lives."""
    receiver = Receiver(RefusedError("HTTP 400"), RuntimeError("a bug"))
    with Forwarding([target := Target(receiver)]):
        for number in range(3):
            target.offer(batch(number))
        receiver.wait(1)

    assert target.counts()["dropped"] == {"traces": 2}
    assert [one.body[-1] for one in receiver.taken] == [2]


def test_what_is_partly_refused_is_counted():
    """OTLP's partial success."""
    receiver = Receiver(3)
    with Forwarding([target := Target(receiver)]):
        target.offer(Batch("logs", b"x", 10))
        receiver.wait(1)

    assert (target.counts()["forwarded"], target.counts()["refused"]) == ({"logs": 7}, {"logs": 3})


def test_a_request_is_given_up_after_its_time():
    """Then the next one has its turn."""
    receiver = Receiver(*[TryAgainError("no answer")] * 3)
    with Forwarding([target := Target(receiver, try_for_s=0)]):
        target.offer(batch())

        assert counted(target, "dropped") == 1


def test_a_dead_receiver_costs_nobody_time_and_a_bounded_amount_of_memory():
    """What finds no room is dropped, and counted."""
    receiver = Receiver(*[TryAgainError("no answer")] * 1000)
    with Forwarding([target := Target(receiver, max_bytes=1000)]):
        started = time.perf_counter()
        for _ in range(2000):
            target.offer(batch())
        seconds = time.perf_counter() - started
        counts = target.counts()

    assert seconds < 0.5
    assert counts["queuedBytes"] <= 1000
    assert counts["dropped"]["traces"] + counts["queuedRequests"] == 2000


def test_the_end_does_not_wait_for_a_dead_receiver():
    """One last try is made, and that is all."""
    receiver = Receiver(*[TryAgainError("no answer", after_s=30)] * 10)
    started = time.monotonic()
    with Forwarding([target := Target(receiver)]):
        target.offer(batch())

    assert time.monotonic() - started < 2


@pytest.mark.parametrize("kind", ["json", "protobuf"])
def test_whatever_the_observatory_takes_is_handed_on_as_protobuf(kind, span, batch, otlp_bytes):
    """And counted in /api/telemetry, beside the own store's."""
    receiver = Receiver()
    with Forwarding([Target(receiver)]) as forwarding:
        stores = TraceStore(100, 100_000), LogStore(100, 100_000), MetricStore()
        client = create_app(*stores, [], forwarding=forwarding).test_client()
        sent = batch(span(number=1), span(number=2))
        if kind == "json":
            client.post("/v1/traces", json=sent)
        else:
            client.post("/v1/traces", data=otlp_bytes(sent), content_type="application/x-protobuf")
        receiver.wait(1)
        (told,) = client.get("/api/telemetry").get_json()["forwarding"]

    assert receiver.taken[0].body == otlp_bytes(sent)
    assert (receiver.taken[0].items, told["target"]) == (2, "http://receiver")


def test_what_is_refused_by_the_observatory_is_not_handed_on(span, batch):
    """A body that is no OTLP never reaches the tool under test."""
    receiver = Receiver()
    with Forwarding([Target(receiver)]) as forwarding:
        client = create_app(TraceStore(9, 9999), LogStore(9, 9999), MetricStore(), [], forwarding=forwarding).test_client()
        assert client.post("/v1/traces", data=b"{", content_type="application/json").status_code == 400

    assert receiver.taken == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:4317", "is no address"),
        ("ftp://localhost:4317", "is no address"),
        ("grpc://localhost", "is no address"),
        ("http://host:port", "is no address"),
        ("http://127.0.0.1:4318", "sending to itself"),
        ("http://localhost:16686", "sending to itself"),
    ],
)
def test_addresses_that_cannot_be_meant_are_refused_at_the_start(url, said):
    """Not when the first order comes."""
    with pytest.raises(SettingsError, match=said):
        from_settings(Settings(forward=url))


def test_headers_that_cannot_be_read_are_refused_without_repeating_them():
    """They may be a secret."""
    with pytest.raises(SettingsError) as error:
        from_settings(Settings(forward="http://host:1", forward_headers="s3cret"))

    assert "s3cret" not in str(error.value)


def test_without_grpc_the_error_says_what_to_install(monkeypatch):
    """It is an extra of the package."""
    monkeypatch.setitem(__import__("sys").modules, "grpc", None)
    monkeypatch.delitem(__import__("sys").modules, "observatory.forward_grpc", raising=False)

    with pytest.raises(SettingsError, match=r"virtual-shop\[grpc\]"):
        from_settings(Settings(forward="grpc://127.0.0.1:4317"))
