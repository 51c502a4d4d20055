import json
import socket
import sys
import urllib.request
from pathlib import Path

import pytest

from vshop.runtime.kubernetes import forwards
from vshop.runtime.kubernetes.kubectl import Kubectl
from vshop.runtime.model import ports
from vshop.runtime.model.errors import ClusterError, PortInUseError, UnknownNameError
from vshop.runtime.model.parts import PUBLISHED
from vshop.shop.addresses import find

# The stub's pod lives until the file `pod` changes. Then kubectl closes every connection.
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
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.read().decode()
    except OSError:
        return ""


def test_forwards_survive_a_pod_and_every_command_finds_them(kubectl, tmp_path: Path, eventually):
    home = str(tmp_path)
    started = forwards.start(kubectl(), "local", forwards.choose({}, free_ports=True), home)
    try:
        assert forwards.running(home) == started
        assert find(home, {}).console == started.addresses["console"]
        assert ask(started.addresses["orders"]) == "first"
        (tmp_path / "pod").write_text("second")
        eventually(lambda: all(ask(url) == "second" for url in started.addresses.values()))
    finally:
        assert forwards.stop(home)
    assert (forwards.running(home), forwards.read(home), forwards.stop(home)) == (None, started, False)
    forwards.forget(home)
    assert forwards.read(home) is None
    assert not any(ports.in_use(int(url.rsplit(":", 1)[1])) for url in started.addresses.values())


def test_part_that_is_not_ready_is_named_and_forwards_are_stopped(kubectl, tmp_path: Path):
    with pytest.raises(ClusterError, match=r"Not ready through port-forward: orders: HTTP 503; auth: HTTP 503"):
        forwards.start(kubectl(ready=False), "local", forwards.choose({}, free_ports=True), str(tmp_path), timeout_s=8)
    assert forwards.running(str(tmp_path)) is None


def test_explicit_ports():
    (orders,) = ports.free(1)

    chosen = forwards.choose({"orders": orders}, free_ports=True)

    assert (chosen["orders"], chosen.keys()) == (orders, PUBLISHED.keys())


def test_unknown_port_lists_the_known_ones():
    with pytest.raises(UnknownNameError, match=r"There is no forwarded port 'kafka'.* There are: auth, console"):
        forwards.choose({"kafka": 9092}, free_ports=True)


def test_port_in_use_is_named_with_its_holder():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(PortInUseError, match=r"(?s)orders, for orders\) is held by process .*`vshop up --mode k8s --free-ports`"),
    ):
        forwards.choose({"orders": server.getsockname()[1]}, free_ports=True)


def test_record_of_another_version_is_ignored(tmp_path: Path):
    forwards.folder(str(tmp_path)).mkdir()
    (forwards.folder(str(tmp_path)) / "forwards.json").write_text(json.dumps({"context": 1}))

    assert forwards.running(str(tmp_path)) is None
