"""What ``vshop doctor`` says of machines of every kind."""

import json
from pathlib import Path

import pytest

from vshop.cli import doctor as command
from vshop.runtime import doctor
from vshop.runtime.machine import Machine
from vshop.runtime.ports import free


class StandIn:
    """A machine on which everything is as it should be, but for what is named."""

    def __init__(self, **given):
        well = {
            "python": (3, 13, 1),
            "system": ("Linux", "x86_64"),
            "available_bytes": 8e9,
            "free_bytes": 50e9,
            "holders": {},
            "java": Path("/jdk/bin/java"),
            "kafka_is_here": True,
            "start_cache_is_here": True,
            "docker version": "28.0.1",
            "docker compose": "2.33.0",
            "kubectl version": "Client Version: v1.34.1\nKustomize Version: v5.7.1",
            "browser": "firefox",
        }
        assert given.keys() <= well.keys()
        self._is = well | given

    def __getattr__(self, name):
        return lambda *_: self._is[name]

    def holder(self, port):
        """Tell who holds a port."""
        return self._is["holders"].get(port)

    def cache(self):
        """Name a folder."""
        return Path("/home/me/.cache/vshop")

    def answer(self, *command):
        """Run a program, or fail to."""
        said = self._is[" ".join(command[:2])]
        if isinstance(said, OSError):
            raise said
        return said


def of(name, **given):
    """Return the one finding of a name."""
    (found,) = [finding for finding in doctor.examine(StandIn(**given)) if finding.name == name]
    return found


def test_a_good_machine_has_nothing_to_do():
    """Every check is fine and says what it saw."""
    findings = doctor.examine(StandIn())

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
        ("ports", "bad", "8080 (orders) is held by process 7: nginx", {"holders": {8080: "process 7: nginx"}}),
        ("Java", "bad", "the runtime is not installed", {"java": None}),
        ("Kafka", "note", "not fetched yet", {"kafka_is_here": False}),
        ("start cache", "note", "not made yet", {"start_cache_is_here": False}),
        ("Docker", "note", "not installed", {"docker version": None}),
        ("Docker", "note", "the engine does not answer: refused", {"docker version": OSError("refused")}),
        ("Docker", "note", "engine 28.0.1, no Compose", {"docker compose": OSError("unknown command")}),
        ("Docker", "note", "engine 28.0.1, Compose 1.29.2", {"docker compose": "1.29.2"}),
        ("Docker", "ok", "engine 28.0.1, Compose v2.20.0-desktop.1", {"docker compose": "v2.20.0-desktop.1"}),
        ("kubectl", "note", "not installed", {"kubectl version": None}),
        ("kubectl", "note", "does not work: no", {"kubectl version": OSError("no")}),
        ("browser", "note", "none found", {"browser": None}),
    ],
)
def test_what_is_missing_is_named_with_what_to_do(name, state, seen, given):
    """``bad`` is only what keeps a shop from starting."""
    found = of(name, **given)

    assert (found.state, found.seen) == (state, seen)
    assert bool(found.do) == (state != "ok")


def test_a_shop_that_runs_holds_its_own_ports():
    """They are not looked at."""
    findings = doctor.examine(StandIn(holders={8080: "process 7: python -m orders"}), running=True)

    assert [finding.seen for finding in findings if finding.name == "ports"] == ["a shop runs here"]


def test_this_machine_can_be_asked(tmp_path):
    """The tests run on it, so that a shop would, but for ports."""
    machine = Machine()

    assert {finding.state for finding in doctor.examine(machine, running=True)[:2]} == {"ok"}
    assert machine.free_bytes(tmp_path / "not" / "there") > 0
    assert machine.holder(free(1)[0]) is None
    assert machine.answer("no-such-program") is None
    assert machine.answer("echo", "here") == "here"
    with pytest.raises(OSError, match="exit status 1"):
        machine.answer("false")


@pytest.mark.parametrize(("given", "status"), [({}, 0), ({"python": (3, 9, 0)}, 1), ({"docker version": None}, 0)])
def test_the_exit_status_says_whether_a_shop_would_start(monkeypatch, capsys, given, status):
    """Also with ``--json``."""
    monkeypatch.setattr("vshop.runtime.machine.Machine", lambda: StandIn(**given))
    for as_json in (False, True):
        capsys.readouterr()
        try:
            command.doctor(as_json=as_json)
            ended = 0
        except SystemExit as end:
            ended = end.code
        assert ended == status
    told = json.loads(capsys.readouterr().out)
    assert (told["fit"], len(told["findings"])) == (status == 0, 10)
