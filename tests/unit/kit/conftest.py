from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from vshop.kit.kafka import processing, sender


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> Tracer:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("tests")
    monkeypatch.setattr(processing, "tracer", tracer)
    monkeypatch.setattr(sender, "tracer", tracer)
    return tracer


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    owner = Producer({"bootstrap.servers": "unused:1", "test.mock.num.brokers": 1, "log_level": 0})
    (address,) = [f"{found.host}:{found.port}" for found in owner.list_topics(timeout=5).brokers.values()]
    yield address
    del owner
