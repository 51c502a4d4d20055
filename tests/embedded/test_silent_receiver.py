"""The receiver of telemetry is cut off without a refusal: no order waits for it, and no trace is broken afterwards.

VSHOP_SILENT_TRIES=120 makes the silence about a minute long.
"""

import contextlib
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

import psutil
import pytest

from loadtest.proxy import Mode, Proxy
from loadtest.trace_check import check_trace
from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient
from vshop.shop.traces import TraceReader

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

TRIES = int(os.environ.get("VSHOP_SILENT_TRIES", "30"))
"""The silence lasts for this many failed exports: three services try each signal every 4 s."""
GROWTH_MB = 100


@pytest.fixture
def proxy(shop: Shop) -> Iterator[Proxy]:
    with contextlib.closing(Proxy(urlsplit(shop.addresses["otlp"]).port or 0)) as made:
        yield made


def resident_mb(shop: Shop) -> float:
    return sum(psutil.Process(found.pid).memory_info().rss for found in shop.state.processes.values()) / 1e6


@pytest.mark.parametrize("mode", [Mode.BLACK_HOLE, Mode.HALF_OPEN])
def test_traces_of_a_silence_are_whole_afterwards(shop: Shop, beside, reader: TraceReader, proxy: Proxy, eventually, mode):
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{proxy.port}"}
    mine = beside("auth-stub", "orders", "stock-updater", **endpoint)
    client = ShopClient(find(mine.state.home, {}))
    traces = [client.place_order(1).trace_id for _ in range(5)]
    before_mb, before = resident_mb(mine), proxy.connections

    proxy.set(mode)
    for tries in range(TRIES):
        eventually(lambda tries=tries: proxy.connections >= before + tries)  # each try opens a connection
        for _ in range(-(-120 // TRIES)):
            placed = client.place_order(len(traces) % 9)
            assert placed.accepted
            traces.append(placed.trace_id)
    assert resident_mb(mine) - before_mb < GROWTH_MB
    proxy.set(Mode.OPEN)

    eventually(lambda: all(check_trace(reader.get(trace_id)).whole for trace_id in traces), 60)
    for trace_id in traces:
        ids = [span.span_id for span in reader.get(trace_id).spans]
        assert len(ids) == len(set(ids))
