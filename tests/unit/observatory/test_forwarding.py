import threading
import time

import pytest

from observatory import forward, ingest
from observatory.app import create_app
from observatory.forward import Forwarding, from_settings
from observatory.forward.queue import Batch, ForwardQueue, RefusedError, RetryableError
from observatory.store import LogStore, MetricStore, Stores, TraceStore
from vshop.kit.settings import Settings, SettingsError


class Receiver:
    name = "http://receiver"

    def __init__(self, *answers):
        self.answers = list(answers)
        self.taken, self.closed, self.thread = [], False, None
        self._changed = threading.Condition()

    def send(self, batch):
        self.thread = threading.get_ident()
        answer = self.answers.pop(0) if self.answers else 0
        if isinstance(answer, Exception):
            raise answer
        with self._changed:
            self.taken.append(batch)
            self._changed.notify_all()
        return answer

    def wait(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.taken) >= count, timeout=10)

    def close(self):
        self.closed = True


def batch(number=1, signal="traces"):
    return Batch(signal, b"x" * 100 + bytes([number]), 1)


def counted(queue, key, signal="traces"):
    deadline = time.monotonic() + 10
    while not queue.counts()[key].get(signal):
        assert time.monotonic() < deadline, queue.counts()
        threading.Event().wait(0.01)
    return queue.counts()[key][signal]


def test_another_thread_sends_requests_in_order():
    receiver = Receiver()
    with Forwarding([queue := ForwardQueue(receiver)]):
        for number in range(5):
            queue.offer(batch(number))
        receiver.wait(5)

    assert [one.body[-1] for one in receiver.taken] == [0, 1, 2, 3, 4]
    assert receiver.thread != threading.get_ident()
    assert receiver.closed


def test_retryable_request_is_sent_again_before_later_ones():
    receiver = Receiver(RetryableError("HTTP 503"), RetryableError("HTTP 429", after_s=0.05))
    with Forwarding([queue := ForwardQueue(receiver)]):
        queue.offer(batch(1))
        queue.offer(batch(2))
        receiver.wait(2)

    counts = queue.counts()
    assert [one.body[-1] for one in receiver.taken] == [1, 2]
    assert (counts["retries"], counts["dropped"], counts["lastError"]) == (2, {}, "HTTP 429")


def test_refused_request_is_dropped_and_counted():
    receiver = Receiver(RefusedError("HTTP 400"), RuntimeError("a bug"))
    with Forwarding([queue := ForwardQueue(receiver)]):
        for number in range(3):
            queue.offer(batch(number))
        receiver.wait(1)

    assert queue.counts()["dropped"] == {"traces": 2}
    assert [one.body[-1] for one in receiver.taken] == [2]


def test_partial_success_is_counted():
    receiver = Receiver(3)
    with Forwarding([queue := ForwardQueue(receiver)]):
        queue.offer(Batch("logs", b"x", 10))
        receiver.wait(1)

    assert (queue.counts()["forwarded"], queue.counts()["refused"]) == ({"logs": 7}, {"logs": 3})


def test_request_is_dropped_after_the_retry_time():
    receiver = Receiver(*[RetryableError("no answer")] * 3)
    with Forwarding([queue := ForwardQueue(receiver, retry_for_s=0)]):
        queue.offer(batch())

        assert counted(queue, "dropped") == 1


def test_queue_of_a_dead_target_is_bounded():
    receiver = Receiver(*[RetryableError("no answer")] * 1000)
    with Forwarding([queue := ForwardQueue(receiver, max_bytes=1000)]):
        for _ in range(2000):
            queue.offer(batch())
        counts = queue.counts()

    assert counts["queuedBytes"] <= 1000
    assert counts["dropped"]["traces"] + counts["queuedRequests"] == 2000


@pytest.mark.timing
def test_dead_target_does_not_slow_down_offers(budget):
    receiver = Receiver(*[RetryableError("no answer")] * 1000)
    with Forwarding([queue := ForwardQueue(receiver, max_bytes=1000)]):
        started = time.perf_counter()
        for _ in range(2000):
            queue.offer(batch())
        seconds = time.perf_counter() - started

    assert seconds < budget(0.5)


@pytest.mark.timing
def test_closing_tries_once_to_send_to_a_dead_target(budget):
    receiver = Receiver(*[RetryableError("no answer", after_s=30)] * 10)
    started = time.monotonic()
    with Forwarding([queue := ForwardQueue(receiver)]):
        queue.offer(batch())

    assert time.monotonic() - started < budget(2)


@pytest.mark.parametrize("kind", ["json", "protobuf"])
def test_accepted_requests_are_forwarded_as_protobuf(kind, span, batch, otlp_bytes):
    receiver = Receiver()
    with Forwarding([ForwardQueue(receiver)]) as forwarding:
        stores = Stores(TraceStore(100, 100_000), LogStore(100, 100_000), MetricStore())
        client = create_app(ingest.Receiver(stores, forwarding), []).test_client()
        sent = batch(span(number=1), span(number=2))
        if kind == "json":
            client.post("/v1/traces", json=sent)
        else:
            client.post("/v1/traces", data=otlp_bytes(sent), content_type="application/x-protobuf")
        receiver.wait(1)
        (told,) = client.get("/api/telemetry").get_json()["forwarding"]

    assert receiver.taken[0].body == otlp_bytes(sent)
    assert (receiver.taken[0].items, told["target"]) == (2, "http://receiver")


def test_refused_requests_are_not_forwarded(span, batch):
    receiver = Receiver()
    with Forwarding([ForwardQueue(receiver)]) as forwarding:
        stores = Stores(TraceStore(9, 9999), LogStore(9, 9999), MetricStore())
        client = create_app(ingest.Receiver(stores, forwarding), []).test_client()
        assert client.post("/v1/traces", data=b"{", content_type="application/json").status_code == 400

    assert receiver.taken == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:4317", "is not an address"),
        ("ftp://localhost:4317", "is not an address"),
        ("grpc://localhost", "is not an address"),
        ("http://host:port", "is not an address"),
        ("http://127.0.0.1:4318", "Forwarding to itself"),
        ("http://localhost:16686", "Forwarding to itself"),
    ],
)
def test_invalid_addresses_raise_settings_error(url, said):
    with pytest.raises(SettingsError, match=said):
        from_settings(Settings(forward=url))


def test_error_for_invalid_headers_omits_them():
    with pytest.raises(SettingsError) as error:
        from_settings(Settings(forward="http://host:1", forward_headers="s3cret"))

    assert "s3cret" not in str(error.value)


def test_missing_grpc_raises_settings_error_with_the_command_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "grpc", None)

    with pytest.raises(SettingsError, match=r"virtual-shop\[grpc\]"):
        from_settings(Settings(forward="grpc://127.0.0.1:4317"))


def test_each_target_has_its_own_signals_and_headers():
    parse = forward._split
    assert parse("http://a:1,grpc://b:2") == ["http://a:1", "grpc://b:2"]
    text = "http://a:1;signals=traces,logs;header=x-key=a,b=c;header=y=z, grpc://b:2;signals=metrics"
    first, second = (forward.Target.parse(one) for one in parse(text))
    assert (first.url, first.signals, first.headers) == ("http://a:1", {"traces", "logs"}, {"x-key": "a,b=c", "y": "z"})
    assert (second.url, second.signals, second.headers) == ("grpc://b:2", {"metrics"}, {})


def test_common_headers_are_refused_with_several_targets():
    targets = "http://a:1;signals=traces,http://b:2;header=other=s3cret"
    with pytest.raises(SettingsError) as error:
        from_settings(Settings(forward=targets, forward_headers="X-Key=s3cret,y=s3cret"))

    assert str(error.value) == (
        "SHOP_FORWARD_HEADERS would send x-key, y to all 2 targets of SHOP_FORWARD. Unset it, and write each header after the "
        "target that needs it, such as http://a:1;header=x-key=…;header=y=…"
    )


def test_common_headers_reach_a_single_target(monkeypatch):
    given = {}
    monkeypatch.setattr(forward, "HttpTransport", lambda url, headers: given.update({url: headers}) or Receiver())

    from_settings(Settings(forward="http://a:1;header=y=z", forward_headers="x-key=k"))

    assert given == {"http://a:1": {"x-key": "k", "y": "z"}}


@pytest.mark.parametrize("option", ["signals=spans", "signals=", "header=s3cret", "s3cret", "key=s3cret"])
def test_an_invalid_option_of_a_target_is_refused_without_its_value(option):
    with pytest.raises(SettingsError) as error:
        from_settings(Settings(forward=f"http://host:1;{option}"))
    if not option.startswith("s3cret"):
        assert "s3cret" not in str(error.value)


def test_a_target_gets_only_its_signals(batch, span):
    receiver = Receiver()
    with Forwarding([ForwardQueue(receiver, signals=frozenset({"logs"}))]) as forwarding:
        stores = Stores(TraceStore(9, 9999), LogStore(9, 9999), MetricStore())
        client = create_app(ingest.Receiver(stores, forwarding), []).test_client()
        assert client.post("/v1/traces", json=batch(span())).status_code == 200
        assert client.post("/v1/logs", json={"resourceLogs": [{}]}).status_code == 200
    assert [one.signal for one in receiver.taken] == ["logs"]
