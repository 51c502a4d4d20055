import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from opentelemetry.instrumentation import auto_instrumentation

from tests.waiting import wait_until
from vshop.runtime.model.ports import free

SERVICES = Path(__file__).parents[3] / "services"


@pytest.mark.parametrize("service", ["orders", "auth_stub", "stock_updater", "console"])
def test_a_wrong_setting_ends_a_service_with_a_sentence(service: str) -> None:
    env = os.environ | {"PYTHONPATH": str(SERVICES), "SHOP_ORDERS_PORT": "many"}

    ended = subprocess.run([sys.executable, "-P", "-m", service], env=env, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 1
    assert "SHOP_ORDERS_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("service", "variable"), [("auth_stub", "SHOP_TOKEN_KEY"), ("console", "SHOP_JOURNAL")])
def test_a_file_that_cannot_be_used_ends_a_service_with_a_sentence(service: str, variable: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    env = os.environ | {"PYTHONPATH": str(SERVICES), variable: str(tmp_path / "file" / "one"), "OTEL_SDK_DISABLED": "true"}

    ended = subprocess.run([sys.executable, "-P", "-m", service], env=env, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 1
    assert variable in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("variable", ["OTEL_PROPAGATORS", "OTEL_PYTHON_CONTEXT"])
def test_the_entry_point_of_the_image_refuses_a_component_that_is_not_installed(variable: str) -> None:
    ended = run_entry_point([sys.executable, "-c", "import opentelemetry.propagate"], {variable: "tracecontxt"})

    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{variable}=tracecontxt: no installed package has it")
    assert len(ended.stderr.splitlines()) == 1


def test_the_entry_point_of_the_image_runs_the_command() -> None:
    ended = run_entry_point([sys.executable, "-c", "import sys; print(sys.argv[1:]); sys.exit(7)", "a b", "c"], {})

    assert (ended.returncode, ended.stdout) == (7, "['a b', 'c']\n")


def run_entry_point(command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-P", "-m", "vshop.kit.telemetry.variables", *command]
    return subprocess.run(line, env=os.environ | env, capture_output=True, text=True, timeout=60, check=False)


AGENT = Path(auto_instrumentation.__file__).parent
"""The folder through which OpenTelemetry's operator for Kubernetes instruments a container."""


@contextmanager
def started(tmp_path: Path, **env: str) -> Iterator[tuple[str, Callable[[], str]]]:
    (port,) = free(1)
    log = tmp_path / "log"
    own = {"PYTHONPATH": str(SERVICES), "SHOP_AUTH_PORT": str(port), "SHOP_CONSOLE_URL": "", "OTEL_TRACES_EXPORTER": "none"}
    own |= {"OTEL_LOGS_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}
    with log.open("wb") as file:
        line = [sys.executable, "-P", "-m", "auth_stub"]
        process = subprocess.Popen(line, env=os.environ | own | env, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield f"http://127.0.0.1:{port}", log.read_text
    finally:
        process.terminate()
        assert process.wait(20) == 0, log.read_text()


def test_an_agent_on_the_path_does_not_reach_a_service(tmp_path: Path) -> None:
    """Nor do the variables that it has set in the process before: the exporter is that of the shop's default protocol."""
    env = {
        "PYTHONPATH": f"{AGENT}{os.pathsep}{SERVICES}",
        "OTEL_TRACES_EXPORTER": "",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
    }
    with started(tmp_path, **env) as (url, log):
        wait_until(lambda: requests.get(f"{url}/readyz", timeout=5).ok)
        assert "starting without it" in log()
        assert requests.get(f"{url}/nowhere", timeout=5).headers["traceresponse"]
    assert "provider" not in log()


def test_another_programs_provider_is_used_without_payloads(tmp_path: Path) -> None:
    with started(tmp_path, OTEL_PYTHON_TRACER_PROVIDER="sdk_tracer_provider") as (url, log):
        checks = wait_until(lambda: requests.get(f"{url}/readyz", timeout=5).json()["checks"])
        (line,) = [json.loads(line) for line in log().splitlines() if "provider" in line]
        assert requests.post(f"{url}/flush", timeout=5).json()["flushed"] is True
    assert checks["token"]["ok"]
    assert line["level"] == "WARNING"
    assert line["message"].endswith("opentelemetry.sdk.trace.TracerProvider of another program: using it, without payloads")


def test_the_mode_none_loads_no_sdk_whatever_the_variables_are(tmp_path: Path) -> None:
    env = {"SHOP_TELEMETRY": "none", "OTEL_PYTHON_TRACER_PROVIDER": "sdk_tracer_provider", "PYTHONPROFILEIMPORTTIME": "1"}
    with started(tmp_path, **env) as (url, log):
        wait_until(lambda: requests.get(f"{url}/readyz", timeout=5).ok)
        imported = log().rpartition("opentelemetry.trace\n")
    assert imported[1], "the imports are in the log"
    assert "opentelemetry.sdk" not in imported[2]


@pytest.mark.parametrize(
    ("env", "word"),
    [
        ({"SHOP_TELEMETRY": "no-such-agent --verbose"}, "no-such-agent"),
        ({"SHOP_TELEMETRY": "sdk", "OTEL_PYTHON_TRACER_PROVIDER": "sdk_tracer_provider"}, "opentelemetry.sdk.trace.TracerProvider"),
        ({"OTEL_PYTHON_METER_PROVIDER": "sdk_meter_provider"}, "opentelemetry.sdk.metrics"),
        ({"OTEL_TRACES_EXPORTER": "no-such-exporter"}, "no-such-exporter"),
    ],
    ids=str,
)
def test_telemetry_that_cannot_work_ends_a_service_with_a_sentence(env: dict[str, str], word: str) -> None:
    line = [sys.executable, "-P", "-m", "auth_stub"]
    own = os.environ | {"PYTHONPATH": str(SERVICES)} | env

    ended = subprocess.run(line, env=own, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 1
    assert word in ended.stderr
    assert "Traceback" not in ended.stderr
