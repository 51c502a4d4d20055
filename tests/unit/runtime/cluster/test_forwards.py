"""Ports that stay forwarded while pods come and go, with a stand-in for kubectl that listens."""

import json
import socket
import sys
import urllib.request
from pathlib import Path

import pytest

from vshop.addresses import find
from vshop.runtime import ports
from vshop.runtime.cluster import forwards
from vshop.runtime.cluster.kubectl import Kubectl
from vshop.runtime.errors import ClusterError, PortInUseError, UnknownNameError

# A pod that lives as long as the file `pod` says the same; kubectl closes every connection to one that is gone.
KUBECTL = """#!{python}
import pathlib, socketserver, sys, http.server
pod = pathlib.Path({folder!r}, "pod")
mine = pod.read_text()
class Handler(http.server.BaseHTTPRequestHandler):
    def handle(self):
        if pod.read_text() == mine:
            super().handle()
    def do_GET(self):
        self.send_response(200 if {ready} else 503)
        self.end_headers()
        self.wfile.write(mine.encode())
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
Server(("127.0.0.1", int(sys.argv[-1].split(":")[0])), Handler).serve_forever()
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put it on the path."""

    def make(*, ready=True) -> Kubectl:
        file = tmp_path / "kubectl"
        file.write_text(KUBECTL.format(python=sys.executable, folder=str(tmp_path), ready=ready))
        file.chmod(0o755)
        (tmp_path / "pod").write_text("first")
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
        forwards.folder(str(tmp_path)).mkdir()
        return Kubectl("test")

    return make


def ask(url):
    """Return which pod answers; nothing when none does."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def test_forwards_outlive_a_pod_and_every_command_finds_them(kubectl, tmp_path: Path, eventually):
    """Until they are ended; then nothing is left."""
    home = str(tmp_path)
    began = forwards.start(kubectl(), "local", forwards.choose({}, free_ports=True), home)
    try:
        assert forwards.running(home) == began
        assert find(home, {}).console == began.addresses["console"]
        assert ask(began.addresses["orders"]) == "first"
        (tmp_path / "pod").write_text("second")
        eventually(lambda: all(ask(url) == "second" for url in began.addresses.values()))
    finally:
        assert forwards.stop(home)
    assert (forwards.running(home), forwards.read(home), forwards.stop(home)) == (None, began, False)
    forwards.forget(home)
    assert forwards.read(home) is None
    assert not any(ports.in_use(int(url.rsplit(":", 1)[1])) for url in began.addresses.values())


def test_a_part_that_does_not_answer_is_named(kubectl, tmp_path: Path):
    """And nothing is left forwarded."""
    with pytest.raises(ClusterError, match=r"Not reached through port-forward: orders: HTTP 503; auth: HTTP 503"):
        forwards.start(kubectl(ready=False), "local", forwards.choose({}, free_ports=True), str(tmp_path), timeout_s=8)
    assert forwards.running(str(tmp_path)) is None


def test_ports_may_be_named():
    """The others keep their numbers, or are free ones."""
    (orders,) = ports.free(1)

    chosen = forwards.choose({"orders": orders}, free_ports=True)

    assert (chosen["orders"], chosen.keys()) == (orders, forwards.TARGETS.keys())


def test_a_port_that_is_not_forwarded_is_told():
    """With those that are."""
    with pytest.raises(UnknownNameError, match=r"There is no port that is forwarded 'kafka'.* There are: auth, console"):
        forwards.choose({"kafka": 9092}, free_ports=True)


def test_a_port_that_is_taken_is_told_with_its_holder():
    """And how to choose another."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(PortInUseError, match=r"(?s)orders\) is held by process .*--free-ports"),
    ):
        forwards.choose({"orders": server.getsockname()[1]}, free_ports=True)


def test_state_of_another_version_is_no_state(tmp_path: Path):
    """It is not guessed at."""
    forwards.folder(str(tmp_path)).mkdir()
    (forwards.folder(str(tmp_path)) / "forwards.json").write_text(json.dumps({"context": 1}))

    assert forwards.running(str(tmp_path)) is None
