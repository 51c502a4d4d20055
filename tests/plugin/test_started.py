import json
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(220)]  # whole shops are started, on a machine that may have other things to do


def runs_left(runs):
    found = []
    for process in psutil.process_iter(["pid"]):
        try:
            if process.environ().get("VSHOP_RUN") in runs:
                found.append(process.info["pid"])
        except psutil.Error:
            continue
    return found


def test_started_shop_has_the_settings_and_writes_files(run, tmp_path):
    result = run(
        """
        import json, os

        def test_link_mode(virtual_shop, virtual_shop_process):
            order = virtual_shop.place_order()
            assert order.span(kind="CONSUMER").links == [(order.trace_id, order.span(kind="PRODUCER").span_id)]
            with open(os.environ["HOLD"], "w") as file:
                json.dump([one.pid for one in virtual_shop_process.shop.state.processes.values()], file)

        def test_telemetry_is_altered(virtual_shop):
            with virtual_shop.telemetry_fault("missing-root") as fault:
                order = virtual_shop.place_order(5)
                virtual_shop.flush()
                assert fault.verify(order), fault.definition.story
                assert virtual_shop.trace(order.trace_id).find(service="orders", kind="SERVER") == []
            assert virtual_shop.place_order(5).trace.find(service="orders", kind="SERVER")

        def test_own_shop_is_broken_for_everybody(virtual_shop):
            with virtual_shop.incident("stock-consumer-stalled") as incident:
                order = virtual_shop.place_order(8)
                assert incident.scope == "global"
                assert {span.service for span in order.spans} == {"orders", "auth-stub"}
                assert incident.verify(order)
    """,
        f"--vshop-export-dir={tmp_path / 'signals'}",
        conftest=f"""
        import os, pytest
        os.environ["HOLD"] = {str(tmp_path / "pids")!r}

        @pytest.fixture(scope="session")
        def virtual_shop_options():
            return {{"env": {{"SHOP_KAFKA_TRACE": "link"}}}}
    """,
    )

    result.assert_outcomes(passed=3)
    pids = json.loads((tmp_path / "pids").read_text())
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []
    assert {file.name for file in (tmp_path / "signals").iterdir()} == {"traces.jsonl", "logs.jsonl", "metrics.jsonl"}


SHOPS = """
    import os, pytest

    @pytest.mark.parametrize("number", range(2))
    def test_one(virtual_shop, virtual_shop_process, number):
        assert virtual_shop.place_order().trace
        with open(os.path.join({folder!r}, virtual_shop_process.shop.state.run), "a") as file:
            file.write("x")
        assert virtual_shop_process.exclusive is {exclusive}
"""


def test_each_worker_starts_a_shop(run, tmp_path):
    result = run(SHOPS.format(folder=str(tmp_path), exclusive=True), "-n2", "--dist=load")

    result.assert_outcomes(passed=2)
    runs = {file.name for file in tmp_path.iterdir()}
    assert len(runs) == 2
    assert runs_left(runs) == []


def test_workers_share_one_shop(run, tmp_path):
    result = run(SHOPS.format(folder=str(tmp_path), exclusive=False), "-n2", "--dist=load", "--vshop-shared")

    result.assert_outcomes(passed=2)
    runs = {file.name for file in tmp_path.iterdir()}
    assert len(runs) == 1
    assert runs_left(runs) == []


def test_killed_run_takes_its_shop_with_it_although_a_forked_child_lives_on(pytester, tmp_path):
    """The child inherits every open pipe of pytest."""
    pytester.makepyfile(f"""
        import os, signal, time

        def test_forks(virtual_shop, virtual_shop_process):
            assert virtual_shop.place_order().accepted
            child = os.fork()
            if child == 0:
                time.sleep(120)
                os._exit(0)
            with open({str(tmp_path / "child")!r}, "w") as file:
                file.write(f"{{child}} {{virtual_shop_process.shop.state.run}}")
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", timeout=200)
    child, run = (tmp_path / "child").read_text().split()
    child = psutil.Process(int(child))
    try:
        assert result.ret == -signal.SIGKILL
        wait_until(lambda: not runs_left({run}), 20)
        assert child.is_running()
    finally:
        child.kill()


def test_opentelemetry_instrument_does_not_reach_the_services(pytester, monkeypatch):
    """It sets PYTHONPATH and OTEL_PYTHON_* for its children; a service that is instrumented twice fails or records spans twice."""
    for name, value in {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}.items():
        monkeypatch.setenv(name, value)
    pytester.makepyfile("""
        import collections, os, psutil
        from opentelemetry import trace

        def test_order(virtual_shop, virtual_shop_process):
            assert "auto_instrumentation" in os.environ["PYTHONPATH"]
            with trace.get_tracer("tests").start_as_current_span("a test"):
                order = virtual_shop.place_order()
            names = collections.Counter(f"{span.service} {span.kind}" for span in order.spans)
            assert names["orders SERVER"] == names["orders PRODUCER"] == names["auth-stub SERVER"] == 1
            for child in virtual_shop_process.shop.state.processes.values():
                environ = psutil.Process(child.pid).environ()
                assert "auto_instrumentation" not in environ.get("PYTHONPATH", "")
                assert "OTEL_TRACES_EXPORTER" not in environ or environ["OTEL_TRACES_EXPORTER"] != "none"
    """)
    launcher = Path(sys.executable).parent / "opentelemetry-instrument"
    result = pytester.run(launcher, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", timeout=200)

    assert result.ret == 0
    result.assert_outcomes(passed=1)
