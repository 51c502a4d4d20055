"""Measures Jaeger's demo HotROD beside the shop, with the same Jaeger."""

import http.client
import itertools
import os
import statistics
import subprocess
import time
from pathlib import Path

import msgspec
import psutil
import requests

from bench.handling import Sustained
from bench.shopper import quantile, run_threads
from vshop.kit.http.session import http_session
from vshop.runtime.model.ports import free

_PATIENCE_S = 60.0
_EXPORTED_S = 6.0  # OpenTelemetry's Go SDK holds spans back for up to 5 s
_CUSTOMERS = (123, 392, 731, 567)
_CURED = ("--fix-db-query-delay=1ms", "--fix-disable-db-conn-mutex", "--fix-route-worker-pool-size=100")
"""Without HotROD's deliberate delays, which limit it to three requests a second."""


class HotRod(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    first_trace_s: float
    requests_per_s: float
    spans_per_request: float
    spans_per_s: float
    answered_p50_ms: float
    answered_p99_ms: float
    cpu_ms_per_request: float
    resident_bytes: int


class SideBySide(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    jaeger_resident_bytes: int
    shop_first_trace_s: float
    """From ``vshop up --jaeger``, which starts both."""
    shop: Sustained
    hotrod: HotRod


def measure(program: Path, otlp: str, jaeger: str, home: Path, seconds: float, shoppers: int) -> HotRod:
    """Start HotROD (logging to ``home``), wait for its first trace, and load it for some seconds.

    ``otlp`` and ``jaeger`` are addresses of Jaeger's receiver and query API.
    """
    ports = dict(zip(("frontend", "customer", "driver", "route"), free(4), strict=True))
    port = ports["frontend"]
    command = [str(program), "all", *_CURED]
    for name, number in ports.items():
        command += [f"--{name}-service-port={number}", f"--{name}-service-hostname=127.0.0.1"]
    with (home / "hotrod.log").open("wb") as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=os.environ | {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp}, stdout=log, stderr=log)
        try:
            _first_trace(port, jaeger)
            first_s = time.perf_counter() - began
            seen = psutil.Process(process.pid)
            before = sum(seen.cpu_times()[:2])
            answered, lasted = _load(port, seconds, shoppers)
            cpu = sum(seen.cpu_times()[:2]) - before
            resident = seen.memory_info().rss
            time.sleep(_EXPORTED_S)
            spans = _spans_a_trace(jaeger)
        finally:
            process.terminate()
            process.wait(10)
    return HotRod(
        first_trace_s=first_s,
        requests_per_s=len(answered) / lasted,
        spans_per_request=spans,
        spans_per_s=spans * len(answered) / lasted,
        answered_p50_ms=1000 * quantile(answered, 0.5),
        answered_p99_ms=1000 * quantile(answered, 0.99),
        cpu_ms_per_request=1000 * cpu / len(answered),
        resident_bytes=resident,
    )


def _spans_a_trace(jaeger: str) -> float:
    asked = {"service": "frontend", "limit": "50", "lookback": "1h"}
    found = http_session("bench").get(f"{jaeger}/api/traces", params=asked, timeout=30).json()["data"]
    return statistics.median(len(trace["spans"]) for trace in found)


def _first_trace(port: int, jaeger: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    session = http_session("bench")
    while True:
        try:
            session.get(f"http://127.0.0.1:{port}/dispatch", params={"customer": 123}, timeout=10).raise_for_status()
            break
        except requests.RequestException:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    while True:
        found = session.get(f"{jaeger}/api/traces", params={"service": "frontend", "limit": "1"}, timeout=10).json()["data"]
        if found and len({process["serviceName"] for process in found[0]["processes"].values()}) >= 4:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"Jaeger had no complete HotROD trace within {_PATIENCE_S:g} s")
        time.sleep(0.02)


def _load(port: int, seconds: float, shoppers: int) -> tuple[list[float], float]:
    until, answered, customers = time.perf_counter() + seconds, list[float](), itertools.cycle(_CUSTOMERS)

    def ask(_: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while (began := time.perf_counter()) < until:
            connection.request("GET", f"/dispatch?customer={next(customers)}")
            connection.getresponse().read()
            answered.append(time.perf_counter() - began)
        connection.close()

    began = time.perf_counter()
    run_threads(ask, range(shoppers))
    return answered, time.perf_counter() - began
