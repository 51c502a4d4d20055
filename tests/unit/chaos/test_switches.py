"""Whether an incident is on for a request."""

import time
import timeit
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from openfeature import api
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider
from opentelemetry import context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from vshop.kit.chaos import NO_CHAOS, Chaos, Switch


@contextmanager
def request_with(baggage: str) -> Iterator[None]:
    """Be inside a request with a baggage header."""
    token = context.attach(W3CBaggagePropagator().extract({"baggage": baggage}))
    try:
        yield
    finally:
        context.detach(token)


def test_nothing_on(chaos) -> None:
    """By default nothing is on."""
    assert not chaos.on("orders-lost")
    assert not NO_CHAOS.on("orders-lost", item=1)


def test_on(chaos, provider) -> None:
    """What is on is on for every request, and nothing else is."""
    provider.replace({"orders-lost": Switch(on=True), "auth-late": Switch()})
    assert chaos.on("orders-lost")
    assert chaos.on("orders-lost", item=1)
    assert not chaos.on("auth-late")
    assert not chaos.on("both-sides")
    provider.replace({})
    assert not chaos.on("orders-lost")


@pytest.mark.parametrize(("probability", "times"), [(0.0, 0), (1.0, 1000)])
def test_never_and_always(chaos, provider, probability, times) -> None:
    """Never is never, always is always."""
    provider.replace({"orders-lost": Switch(on=True, probability=probability)})
    assert sum(chaos.on("orders-lost") for _ in range(1000)) == times


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_share(chaos, provider, probability) -> None:
    """A probability is a share of the requests, within four standard deviations."""
    provider.replace({"orders-lost": Switch(on=True, probability=probability)})
    times = sum(chaos.on("orders-lost") for _ in range(4000))
    assert abs(times - 4000 * probability) < 4 * (4000 * probability * (1 - probability)) ** 0.5


def test_items(chaos, provider) -> None:
    """A switch for some items is on for orders of these alone, not for what has no item."""
    provider.replace({"orders-lost": Switch(on=True, items=(1, 3))})
    assert [chaos.on("orders-lost", item=item) for item in range(5)] == [False, True, False, True, False]
    assert not chaos.on("orders-lost")


def test_until(chaos, provider) -> None:
    """When its time is over it is off, even if the board could not say so."""
    provider.replace({"orders-lost": Switch(on=True, until=time.time() + 60)})
    assert chaos.on("orders-lost")
    provider.replace({"orders-lost": Switch(on=True, until=time.time() - 0.001)})
    assert not chaos.on("orders-lost")


@pytest.mark.parametrize(
    "baggage", ["shop.chaos=orders-lost", "shop.chaos=auth-late+orders-lost", "a=b,shop.chaos=orders-lost%2Bauth-late;of=test"]
)
def test_request_alone(chaos, baggage) -> None:
    """Baggage switches on for one request: one id, or several."""
    with request_with(baggage):
        assert chaos.on("orders-lost")
        assert not chaos.on("orders")
        assert chaos.on("auth-late") == ("auth-late" in baggage)
    assert not chaos.on("orders-lost")


def test_ids_go_on_across_hops(chaos) -> None:
    """What came in with the baggage goes out with it, ids unharmed."""
    with request_with("shop.chaos=auth-late+orders-lost"):
        headers: dict[str, str] = {}
        W3CBaggagePropagator().inject(headers)
    with request_with(headers["baggage"]):
        assert chaos.on("auth-late")
        assert chaos.on("orders-lost")


def test_request_beats_switch(chaos, provider) -> None:
    """Who asks for it by baggage gets it, whatever the switch says of other requests."""
    provider.replace({"orders-lost": Switch(on=True, items=(1,), probability=0.0)})
    with request_with("shop.chaos=orders-lost"):
        assert chaos.on("orders-lost", item=2)


def test_another_provider_stands_in() -> None:
    """Any OpenFeature provider can take the board's place."""
    api.set_provider_and_wait(InMemoryProvider({"orders-lost": InMemoryFlag("on", {"on": True, "off": False})}))
    try:
        chaos = Chaos(api.get_client(), None)
        assert chaos.on("orders-lost")
        assert not chaos.on("auth-late"), "a flag that it does not know is off"
    finally:
        api.clear_providers()


def test_other_types_are_refused(chaos, provider) -> None:
    """Asked for anything but a boolean, the provider gives the default and says why."""
    details = api.get_client().get_string_details("orders-lost", "nothing")
    assert (details.value, details.error_code) == ("nothing", "TYPE_MISMATCH")


@pytest.mark.parametrize("reveal", [False, True])
def test_reveal(provider, reveal) -> None:
    """Only where it is asked for does an evaluation that is on leave an event, and one that is off never does."""
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


def test_cost(chaos, provider) -> None:
    """Asking costs microseconds; the bounds are wide, for machines that are busy."""

    def cost_us() -> float:
        return min(timeit.repeat(lambda: chaos.on("orders-lost", item=1), number=500, repeat=9)) / 500 * 1e6

    assert cost_us() < 25
    provider.replace({"orders-lost": Switch(on=True, items=(1,), probability=0.5)})
    assert cost_us() < 200
