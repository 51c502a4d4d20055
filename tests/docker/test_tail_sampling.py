"""Tail sampling: the Collector and Jaeger of docker-compose.yml, with their own configuration files."""

import math
import os
import secrets
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.waiting import wait_until
from vshop.runtime.model import ports

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[2]
IMAGE = "otel/opentelemetry-collector-contrib:0.140.1"
ORDINARY, PERCENT, OF_A_KIND = 20_000, 1, 40
DECISION_S, BEGAN_NS = 10.0, time.time_ns()
ERROR, MS = Status(code=Status.STATUS_CODE_ERROR), 1_000_000


def span(trace: bytes, service: str, *, ms: int = 5, status: Status | None = None, outcome: str = "") -> Span:
    attributes = [KeyValue(key="shop.order.outcome", value=AnyValue(string_value=outcome))] if outcome else []
    made = Span(trace_id=trace, span_id=service.ljust(8)[:8].encode(), name=service, kind=Span.SPAN_KIND_SERVER, status=status)
    made.parent_span_id = b"" if service == "orders" else b"orders  "
    made.start_time_unix_nano, made.end_time_unix_nano = BEGAN_NS, BEGAN_NS + ms * MS
    made.attributes.extend(attributes)
    return made


class Pipeline(NamedTuple):
    collector: str
    jaeger: str

    def send(self, service: str, spans: Sequence[Span]) -> None:
        for first in range(0, len(spans), 1000):
            message = ExportTraceServiceRequest()
            of_resource = message.resource_spans.add()
            of_resource.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value=service)))
            of_resource.scope_spans.add().spans.extend(spans[first : first + 1000])
            headers = {"Content-Type": "application/x-protobuf"}
            requests.post(
                f"{self.collector}/v1/traces", message.SerializeToString(), headers=headers, timeout=20
            ).raise_for_status()

    def stored(self) -> dict[str, int]:
        query = {"service": "orders", "limit": "100000", "lookback": "1h"}
        found = requests.get(f"{self.jaeger}/api/traces", query, timeout=30).json()["data"] or ()
        return {one["traceID"]: len(one["spans"]) for one in found}


@pytest.fixture(scope="module")
def pipeline(engine) -> Iterator[Pipeline]:
    if not engine.images.list(IMAGE):
        pytest.skip(f"Run `docker pull {IMAGE}` to run this test.")
    names = ("COLLECTOR", "JAEGER", "OTLP", "OTLP_GRPC")
    chosen = dict(zip(names, ports.free(len(names)), strict=True))
    env = os.environ | {f"VSHOP_{name}_PORT": str(port) for name, port in chosen.items()}
    env |= {"COMPOSE_PROJECT_NAME": f"virtual-shop-sampling-{os.getpid()}", "SHOP_TAIL_SAMPLING": str(PERCENT)}
    compose = ["docker", "compose", "--profile", "tail-sampling"]
    try:
        command = [*compose, "up", "--detach", "--no-build", "--wait", "--wait-timeout", "120", "collector", "jaeger"]
        subprocess.run(command, cwd=ROOT, env=env, capture_output=True, timeout=240, check=True)
        running = Pipeline(f"http://127.0.0.1:{chosen['COLLECTOR']}", f"http://127.0.0.1:{chosen['JAEGER']}")
        wait_until(lambda: requests.post(f"{running.collector}/v1/traces", json={}, timeout=2).ok)
        yield running
    finally:
        subprocess.run([*compose, "down", "--volumes"], cwd=ROOT, env=env, capture_output=True, timeout=120, check=True)


class Sent(NamedTuple):
    ordinary: list[str]
    errors: list[str]
    slow: list[str]
    sold_out: list[str]
    stored: dict[str, int]


@pytest.fixture(scope="module")
def sent(pipeline: Pipeline) -> Sent:
    ids = [secrets.token_bytes(16) for _ in range(ORDINARY + 3 * OF_A_KIND)]
    ordinary, errors, slow, sold_out = ids[3 * OF_A_KIND :], *(ids[n * OF_A_KIND : (n + 1) * OF_A_KIND] for n in range(3))
    pipeline.send("orders", [span(one, "orders") for one in ids])
    time.sleep(3)
    late = [span(one, "stock-updater") for one in ordinary]
    late += [span(one, "stock-updater", status=ERROR) for one in errors]
    late += [span(one, "stock-updater", ms=1500) for one in slow]
    late += [span(one, "stock-updater", outcome="sold_out") for one in sold_out]
    pipeline.send("stock-updater", late)
    special = {one.hex() for one in (*errors, *slow, *sold_out)}
    wait_until(lambda: special <= pipeline.stored().keys(), 60)
    time.sleep(DECISION_S / 2)  # the ordinary traces were decided with the others: nothing more arrives
    kinds = ([one.hex() for one in kind] for kind in (ordinary, errors, slow, sold_out))
    return Sent(*kinds, pipeline.stored())


@pytest.mark.parametrize("kind", ["errors", "slow", "sold_out"])
def test_traces_with_an_error_and_slow_and_refused_ones_are_kept_whole(sent: Sent, kind: str) -> None:
    assert {one: sent.stored.get(one) for one in getattr(sent, kind)} == dict.fromkeys(getattr(sent, kind), 2)


def test_about_one_percent_of_the_rest_is_kept_whole(sent: Sent) -> None:
    kept = [one for one in sent.ordinary if one in sent.stored]
    expected, deviation = ORDINARY * PERCENT / 100, math.sqrt(ORDINARY * 0.01 * 0.99)

    assert abs(len(kept) - expected) < 5 * deviation, f"kept {len(kept)} of {ORDINARY}"  # by chance, once in a million runs
    assert {sent.stored[one] for one in kept} == {2}


def test_a_span_after_the_decision_follows_it(pipeline: Pipeline, sent: Sent) -> None:
    """Also an error: it no longer keeps its trace."""
    kept, dropped = sent.errors[0], next(one for one in sent.ordinary if one not in sent.stored)
    pipeline.send("late", [span(bytes.fromhex(one), "late", status=ERROR) for one in (dropped, kept)])
    wait_until(lambda: pipeline.stored()[kept] == 3, 30)

    time.sleep(DECISION_S + 3)
    assert dropped not in pipeline.stored()
