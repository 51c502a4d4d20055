import json
from pathlib import Path

import pytest

from vshop.cli import machine as command
from vshop.runtime.local import doctor


class FakeHost:
    def __init__(self, **given):
        defaults = {
            "python": (3, 13, 1),
            "system": ("Linux", "x86_64"),
            "available_bytes": 8e9,
            "free_bytes": 50e9,
            "holders": {},
            "java": Path("/jdk/bin/java"),
            "kafka_is_fetched": True,
            "start_cache_exists": True,
            "grpc_is_installed": True,
            "docker version": "28.0.1",
            "docker --version": "Docker version 28.0.1, build 068a01e",
            "docker compose": "2.33.0",
            "kubectl version": "Client Version: v1.34.1\nKustomize Version: v5.7.1",
            "browser": "firefox",
        }
        assert given.keys() <= defaults.keys()
        self._facts = defaults | given

    def __getattr__(self, name):
        return lambda *_: self._facts[name]

    def holder(self, port):
        return self._facts["holders"].get(port)

    def cache(self):
        return Path("/home/me/.cache/vshop")

    def output(self, *command):
        result = self._facts[" ".join(command[:2])]
        if isinstance(result, OSError):
            raise result
        return result


def find(name, **given):
    (found,) = [finding for finding in doctor.run_checks(FakeHost(**given)) if finding.name == name]
    return found


def test_good_machine_needs_nothing():
    findings = doctor.run_checks(FakeHost())

    assert {(finding.state, finding.do) for finding in findings} == {("ok", "")}
    assert all(finding.seen for finding in findings)


@pytest.mark.parametrize(
    ("name", "state", "seen", "given"),
    [
        ("Python", "bad", "3.10.12", {"python": (3, 10, 12)}),
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
        ("Java", "bad", "the runtime is not installed", {"java": None}),
        ("Kafka", "note", "not downloaded yet", {"kafka_is_fetched": False}),
        ("start cache", "note", "not built yet", {"start_cache_exists": False}),
        ("OTLP/gRPC", "note", "the extra grpc is not installed; nothing listens on 4317", {"grpc_is_installed": False}),
        ("Docker", "note", "not installed", {"docker version": None}),
        ("Docker", "note", "the engine does not answer: refused", {"docker version": OSError("refused")}),
        ("Docker", "note", "engine 28.0.1, no Compose", {"docker compose": OSError("unknown command")}),
        ("Docker", "note", "engine 28.0.1, Compose 1.29.2", {"docker compose": "1.29.2"}),
        ("Docker", "note", "engine 24.0.7, Compose 2.33.0", {"docker version": "24.0.7"}),
        ("Docker", "note", "this `docker` is Podman: podman-compose has no --wait", {"docker --version": "podman version 4.9.3"}),
        ("Docker", "ok", "engine 28.0.1, Compose v2.20.0-desktop.1", {"docker compose": "v2.20.0-desktop.1"}),
        ("kubectl", "note", "not installed", {"kubectl version": None}),
        ("kubectl", "note", "does not work: no", {"kubectl version": OSError("no")}),
        ("browser", "note", "none found", {"browser": None}),
    ],
)
def test_problems_come_with_advice(name, state, seen, given):
    found = find(name, **given)

    assert (found.state, found.seen) == (state, seen)
    assert bool(found.do) == (state != "ok")


def test_missing_grpc_names_the_command_to_install_it():
    assert "-m pip install 'virtual-shop[grpc]'" in find("OTLP/gRPC", grpc_is_installed=False).do


def test_ports_of_a_running_shop_are_not_checked():
    findings = doctor.run_checks(FakeHost(holders={8080: "process 7: python -m orders"}), running=True)

    assert [finding.seen for finding in findings if finding.name == "ports"] == ["a shop runs here"]


@pytest.mark.parametrize(("given", "status"), [({}, 0), ({"python": (3, 9, 0)}, 1), ({"docker version": None}, 0)])
def test_exit_status_is_1_if_a_shop_cannot_start(monkeypatch, capsys, given, status):
    monkeypatch.setattr(command, "Host", lambda: FakeHost(**given))
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
