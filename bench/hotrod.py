"""Measures Jaeger's demo HotROD beside the shop, with the same Jaeger."""

import http.client
import itertools
import os
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import requests

from bench.machine import quantiles
from vshop.kit.http.session import http_session
from vshop.kit.times import Clock
from vshop.runtime.model.ports import free
from vshop.shop.traces import TraceReader

_PATIENCE_S = 60.0
_EXPORTED_S = 6.0  # OpenTelemetry's Go SDK holds spans back for up to 5 s
_CUSTOMERS = (123, 392, 731, 567)
_CURED = ("--fix-db-query-delay=1ms", "--fix-disable-db-conn-mutex", "--fix-route-worker-pool-size=100")
"""Without HotROD's deliberate delays, which limit it to three requests a second."""


def measure(program: Path, otlp: str, traces: TraceReader, home: Path, seconds: float, shoppers: int) -> dict[str, Any]:
    """Start HotROD (logging to ``home``), wait for its first trace, and load it for some seconds.

    ``otlp`` is the address of Jaeger's receiver.
    """
    ports = dict(zip(("frontend", "customer", "driver", "route"), free(4), strict=True))
    addresses = [(f"--{name}-service-port={port}", f"--{name}-service-hostname=127.0.0.1") for name, port in ports.items()]
    command = [str(program), "all", *_CURED, *itertools.chain(*addresses)]
    with (home / "hotrod.log").open("wb") as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp}, stdout=log, stderr=log)
        try:
            _await_first_trace(ports["frontend"], traces)
            first_s = time.perf_counter() - began
            seen = psutil.Process(process.pid)
            before = sum(seen.cpu_times()[:2])
            answered, lasted = _load(ports["frontend"], seconds, shoppers)
            cpu = sum(seen.cpu_times()[:2]) - before
            resident = seen.memory_info().rss
            time.sleep(_EXPORTED_S)
            spans = statistics.median(len(trace.spans) for trace in traces.find_traces("frontend", limit=50))
        finally:
            process.terminate()
            process.wait(10)
    return {
        "firstTraceS": first_s,
        "requestsPerS": len(answered) / lasted,
        "spansPerRequest": spans,
        "spansPerS": spans * len(answered) / lasted,
        **quantiles("answered", answered),
        "cpuMsPerRequest": 1000 * cpu / len(answered),
        "residentBytes": resident,
    }


def _await_first_trace(port: int, traces: TraceReader) -> None:
    session = http_session("bench")

    def dispatched() -> bool:
        try:
            return session.get(f"http://127.0.0.1:{port}/dispatch", params={"customer": 123}, timeout=10).ok
        except requests.RequestException:
            return False

    def traced() -> bool:
        return any(len({span.service for span in trace.spans}) >= 4 for trace in traces.find_traces("frontend", limit=1))

    if not Clock().poll(dispatched, _PATIENCE_S):
        raise TimeoutError(f"HotROD answered no request within {_PATIENCE_S:g} s")
    if not Clock().poll(traced, _PATIENCE_S):
        raise TimeoutError(f"Jaeger had no complete HotROD trace within {_PATIENCE_S:g} s")


def _load(port: int, seconds: float, shoppers: int) -> tuple[list[float], float]:
    answered, customers, began = list[float](), itertools.cycle(_CUSTOMERS), time.perf_counter()

    def ask(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while (asked := time.perf_counter()) < began + seconds:
            connection.request("GET", f"/dispatch?customer={next(customers)}")
            connection.getresponse().read()
            answered.append(time.perf_counter() - asked)
        connection.close()

    with ThreadPoolExecutor(shoppers) as threads:
        list(threads.map(ask, range(shoppers)))
    return answered, time.perf_counter() - began
