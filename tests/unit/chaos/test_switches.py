import time
import timeit
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask import Flask
from openfeature import api
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from vshop.kit.chaos.baggage import outgoing_headers, read_requests, use_incidents
from vshop.kit.chaos.switches import NO_CHAOS, Chaos, Switch


@contextmanager
def request_with(baggage: str) -> Iterator[None]:
    with use_incidents({"baggage": baggage}.get):
        yield


def test_all_incidents_are_off_by_default(chaos) -> None:
    assert not chaos.on("orders-lost")
    assert not NO_CHAOS.on("orders-lost", item=1)


def test_only_the_switched_incident_is_on(chaos, provider) -> None:
    provider.replace({"orders-lost": Switch(on=True), "auth-late": Switch()})
    assert chaos.on("orders-lost")
    assert chaos.on("orders-lost", item=1)
    assert not chaos.on("auth-late")
    assert not chaos.on("both-sides")
    provider.replace({})
    assert not chaos.on("orders-lost")


@pytest.mark.parametrize(("probability", "times"), [(0.0, 0), (1.0, 1000)])
def test_probabilities_zero_and_one(chaos, provider, probability, times) -> None:
    provider.replace({"orders-lost": Switch(on=True, probability=probability)})
    assert sum(chaos.on("orders-lost") for _ in range(1000)) == times


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_a_probability_is_a_share_of_the_requests(chaos, provider, probability) -> None:
    provider.replace({"orders-lost": Switch(on=True, probability=probability)})
    times = sum(chaos.on("orders-lost") for _ in range(4000))
    assert abs(times - 4000 * probability) < 4 * (4000 * probability * (1 - probability)) ** 0.5


def test_a_switch_with_items_is_on_for_their_orders_only(chaos, provider) -> None:
    provider.replace({"orders-lost": Switch(on=True, items=(1, 3))})
    assert [chaos.on("orders-lost", item=item) for item in range(5)] == [False, True, False, True, False]
    assert not chaos.on("orders-lost")


def test_an_expired_switch_is_off(chaos, provider) -> None:
    provider.replace({"orders-lost": Switch(on=True, until=time.time() + 60)})
    assert chaos.on("orders-lost")
    provider.replace({"orders-lost": Switch(on=True, until=time.time() - 0.001)})
    assert not chaos.on("orders-lost")


@pytest.mark.parametrize(
    "baggage", ["shop.chaos=orders-lost", "shop.chaos=auth-late+orders-lost", "a=b,shop.chaos=orders-lost%2Bauth-late;of=test"]
)
def test_baggage_switches_incidents_on_for_one_request(chaos, baggage) -> None:
    with request_with(baggage):
        assert chaos.on("orders-lost")
        assert not chaos.on("orders")
        assert chaos.on("auth-late") == ("auth-late" in baggage)
    assert not chaos.on("orders-lost")


def test_the_ids_travel_in_a_header_of_the_shop(chaos) -> None:
    with request_with("shop.chaos=auth-late+orders-lost"):
        headers = outgoing_headers()
    assert headers == {"x-shop-chaos": "auth-late,orders-lost"}
    assert outgoing_headers() == {}
    with use_incidents(headers.get):
        assert chaos.on("auth-late")
        assert chaos.on("orders-lost")


def test_an_application_reads_the_ids_of_each_request(chaos) -> None:
    app = Flask("orders")
    app.get("/")(lambda: {"on": chaos.on("orders-lost")})
    read_requests(app)
    client = app.test_client()
    assert client.get("/", headers={"baggage": "a=b, shop.chaos=orders-lost"}).json == {"on": True}
    assert client.get("/", headers={"X-Shop-Chaos": "auth-late, orders-lost"}).json == {"on": True}
    assert client.get("/", headers={"baggage": "a=b", "X-Shop-Chaos": ","}).json == {"on": False}
    assert not chaos.on("orders-lost")


def test_baggage_overrides_the_switch(chaos, provider) -> None:
    provider.replace({"orders-lost": Switch(on=True, items=(1,), probability=0.0)})
    with request_with("shop.chaos=orders-lost"):
        assert chaos.on("orders-lost", item=2)


def test_another_provider_can_replace_the_board() -> None:
    api.set_provider_and_wait(InMemoryProvider({"orders-lost": InMemoryFlag("on", {"on": True, "off": False})}))
    try:
        chaos = Chaos(api.get_client(), None)
        assert chaos.on("orders-lost")
        assert not chaos.on("auth-late"), "a flag that it does not know is off"
    finally:
        api.clear_providers()


def test_other_types_return_the_default_with_an_error(chaos, provider) -> None:
    details = api.get_client().get_string_details("orders-lost", "nothing")
    assert (details.value, details.error_code) == ("nothing", "TYPE_MISMATCH")


@pytest.mark.parametrize("reveal", [False, True])
def test_an_evaluation_leaves_an_event_only_if_on_and_revealed(provider, reveal) -> None:
    exporter = InMemorySpanExporter()
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    chaos = Chaos(api.get_client(), provider, reveal=reveal)
    provider.replace({"orders-lost": Switch(on=True, probability=1.0), "auth-late": Switch(on=True, probability=0.0)})
    with tracing.get_tracer("tests").start_as_current_span("work"):
        chaos.on("orders-lost")
        chaos.on("auth-late")
    (span,) = exporter.get_finished_spans()
    assert [dict(event.attributes or {}) for event in span.events] == (
        [
            {
                "feature_flag.key": "orders-lost",
                "feature_flag.result.variant": "on",
                "feature_flag.result.reason": "static",
                "feature_flag.set.id": "shop",
                "feature_flag.provider.name": "vshop-chaos-board",
            }
        ]
        if reveal
        else []
    )
    tracing.shutdown()


def test_an_evaluation_takes_microseconds(chaos, provider) -> None:
    def cost_us() -> float:
        return min(timeit.repeat(lambda: chaos.on("orders-lost", item=1), number=500, repeat=9)) / 500 * 1e6

    assert cost_us() < 25
    provider.replace({"orders-lost": Switch(on=True, items=(1,), probability=0.5)})
    assert cost_us() < 200
