import logging
import os
import sys

import pytest
from flask import Flask
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from vshop.kit.settings import SettingsError, load
from vshop.kit.telemetry import logs, modes, setup
from vshop.kit.telemetry.api import Telemetry
from vshop.kit.telemetry.modes import launcher, start_as_configured, telemetry_mode, under_agent, without_agents

TOKEN = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0c2VjcmV0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("env", "mode"),
    [
        ({}, "sdk"),
        ({"SHOP_TELEMETRY": ""}, "sdk"),
        ({"SHOP_TELEMETRY": "none"}, "none"),
        ({"SHOP_TELEMETRY": "ddtrace-run --info"}, "ddtrace-run --info"),
        ({"OTEL_SDK_DISABLED": "True"}, "none"),
        ({"OTEL_SDK_DISABLED": "true", "SHOP_TELEMETRY": "zero-code"}, "none"),
        ({"OTEL_SDK_DISABLED": "true", "SHOP_TELEMETRY": "ddtrace-run"}, "ddtrace-run"),
        ({"OTEL_SDK_DISABLED": "false"}, "sdk"),
    ],
    ids=str,
)
def test_variables_choose_the_mode(env, mode):
    assert telemetry_mode(env) == mode


@pytest.fixture
def agent(tmp_path, monkeypatch):
    program = tmp_path / "my-agent"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return str(program)


def test_the_launcher_is_the_command(agent):
    assert launcher("my-agent --name 'a b'") == [agent, "--name", "a b"]
    assert launcher("none") == launcher("sdk") == []
    assert launcher("zero-code")[0].endswith("/opentelemetry-instrument")


@pytest.mark.parametrize(
    ("mode", "words"), [("no-such-agent -x", "'no-such-agent' is not on PATH"), ("agent 'x", "is not a command")]
)
def test_a_command_that_cannot_be_run_is_refused(mode, words):
    with pytest.raises(SettingsError, match=words):
        launcher(mode)


def test_zero_code_says_which_package_is_missing(monkeypatch):
    monkeypatch.setattr(modes, "_KAFKA_INSTRUMENTATION", "no-such-package")
    with pytest.raises(SettingsError, match=r"pip install 'virtual-shop\[zero-code\]'"):
        launcher("zero-code")


def test_zero_code_runs_from_a_folder_of_packages(tmp_path):
    command, env = under_agent("orders", ["python"], {"SHOP_TELEMETRY": "zero-code", "PYTHONPATH": "/a"}, tmp_path)

    assert command == [f"{tmp_path}/bin/opentelemetry-instrument", "python"]
    assert env["PYTHONPATH"] == f"{tmp_path}:/a"
    assert under_agent("", ["python"], {"PYTHONPATH": "/a"}, tmp_path)[1]["PYTHONPATH"] == "/a"


def test_folders_that_load_an_agent_are_removed_from_the_path(tmp_path):
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "sitecustomize.py").touch()
    assert without_agents(f"{tmp_path}/agent:/a::{tmp_path}/agent/:/b") == "/a::/b"
    assert without_agents("") == ""


def test_an_agent_is_put_in_front_of_services_only(agent):
    command, env = under_agent("orders", ["python"], {"SHOP_TELEMETRY": "my-agent", "OTEL_BSP_SCHEDULE_DELAY": "1"})
    assert command == [agent, "python"]
    assert env["OTEL_SERVICE_NAME"] == "orders"
    assert env["OTEL_BSP_SCHEDULE_DELAY"] == "1"
    assert env["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"
    assert under_agent("", ["python"], {"SHOP_TELEMETRY": "my-agent"})[0] == ["python"]
    assert under_agent("orders", ["python"], {})[0] == ["python"]


@pytest.fixture
def executed(monkeypatch):
    calls = []
    monkeypatch.setattr(os, "execve", lambda program, command, env: calls.append((program, command, env)))
    monkeypatch.setattr(sys, "orig_argv", ["python", "-P", "-m", "orders"])
    monkeypatch.setenv("PYTHONPATH", "/services")
    return calls


def test_a_process_starts_itself_again_under_its_agent_once(executed, agent, monkeypatch):
    monkeypatch.setenv("SHOP_TELEMETRY", "my-agent")
    start_as_configured("orders")
    ((program, command, env),) = executed
    assert (program, command) == (agent, [agent, sys.executable, "-P", "-m", "orders"])
    monkeypatch.setattr(os, "environ", env)
    start_as_configured("orders")
    assert len(executed) == 1
    start_as_configured()
    assert len(executed) == 1, "a program that is never instrumented"


def test_a_process_starts_itself_again_without_an_agent_that_nobody_asked_for(executed, tmp_path, monkeypatch, capsys):
    (tmp_path / "sitecustomize.py").touch()
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:/services")
    start_as_configured("orders")
    ((_, command, env),) = executed
    assert (command, env["PYTHONPATH"]) == ([sys.executable, "-P", "-m", "orders"], "/services")
    assert str(tmp_path) in capsys.readouterr().err


def test_a_process_that_fits_its_mode_goes_on(executed):
    start_as_configured("orders")
    assert executed == []


@pytest.fixture
def start(monkeypatch, caplog):
    monkeypatch.setattr(logs, "install", lambda _service: None)
    monkeypatch.setattr(logs, "redact_records", lambda: None)
    caplog.set_level(logging.INFO)

    def call(provider=None, **env):
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider or trace.ProxyTracerProvider())
        return setup.start("orders", load()), [record.getMessage() for record in caplog.records]

    return call


def test_without_an_sdk_there_are_no_payloads_and_nothing_is_lost(start):
    telemetry, (line,) = start(SHOP_TELEMETRY="none")
    assert type(telemetry) is Telemetry
    assert (telemetry.own_spans, telemetry.payloads.visible, telemetry.flush()) == (False, False, 0)
    assert telemetry.checks["telemetry"]() == "none"
    assert "none" in line


@pytest.mark.parametrize(
    ("env", "visible"), [({}, False), ({"SHOP_PAYLOADS": "metadata"}, False), ({"SHOP_PAYLOADS": "full"}, True)]
)
def test_a_provider_of_another_program_is_used_and_gets_payloads_only_if_they_are_asked_for(start, caplog, env, visible):
    telemetry, (line,) = start(TracerProvider(), **env)
    assert telemetry.payloads.visible is visible
    assert "opentelemetry.sdk.trace.TracerProvider" in line
    assert caplog.records[0].levelname == "WARNING"
    assert "TracerProvider" in telemetry.checks["telemetry"]()


def test_a_provider_that_the_mode_asks_for_is_no_warning(start, caplog):
    start(TracerProvider(), SHOP_TELEMETRY="zero-code")
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_the_mode_sdk_cannot_share_a_process_with_another_provider(start):
    with pytest.raises(SettingsError, match=r"opentelemetry.sdk.trace.TracerProvider"):
        start(TracerProvider(), SHOP_TELEMETRY="sdk")


def test_a_provider_that_cannot_be_flushed_counts_as_a_loss(start):
    class Broken(TracerProvider):
        def force_flush(self, *_):
            raise ZeroDivisionError

    telemetry, _ = start(Broken(), SHOP_TELEMETRY="zero-code")
    assert telemetry.flush(metrics=False) == 1


def test_the_service_describes_the_requests_of_an_agents_spans(start, tracer, exporter):
    telemetry, _ = start(TracerProvider(), SHOP_PAYLOADS="full")
    app = Flask("orders")
    app.post("/")(lambda: {"access_token": TOKEN})
    telemetry.instrument_flask(app)
    with tracer.start_as_current_span("request"):
        app.test_client().post(
            "/", json={"password": "hush"}, headers={"X-Shop-Chaos": "orders-lost", "Authorization": f"Bearer {TOKEN}"}
        )
    (span,) = exporter.get_finished_spans()
    assert span.attributes["shop.http.request.body"] == '{"password": "[REDACTED]"}'
    assert span.attributes["server.address"] == "localhost"
    assert not any(word in str(dict(span.attributes)) for word in (TOKEN[:20], "orders-lost"))


def test_records_are_redacted_for_every_handler(caplog):
    factory = logging.getLogRecordFactory()
    logs.redact_records()
    try:
        logging.getLogger("orders").warning("token=%s", "hush")
        logging.getLogger("orders").error("failed", exc_info=ValueError(f"no user {TOKEN}"))
        logging.getLogger("orders").error("failed", exc_info=KeyError())
    finally:
        logging.setLogRecordFactory(factory)
    first, second, third = caplog.records
    assert first.getMessage() == "token=[REDACTED]"
    assert second.exc_info is None
    assert second.exc_text.endswith("ValueError: no user [REDACTED]")
    assert third.exc_info[0] is KeyError
    assert "[REDACTED]" in logs.JsonFormatter("orders").format(second)
