import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from vshop.incidents.loader import load_catalogue
from vshop.kit.chaos.follower import Follower
from vshop.kit.chaos.switches import BoardProvider
from vshop.runtime.model import ports

ROOT = Path(__file__).parents[3]


@pytest.fixture
def process(tmp_path, eventually):
    port = ports.free(1)[0]
    url = f"http://127.0.0.1:{port}"
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join([str(ROOT / "services"), str(ROOT / "src")]),
        "SHOP_CONSOLE_PORT": str(port),
        "SHOP_JOURNAL": str(tmp_path / "journal.ndjson"),
    }
    output = tmp_path / "out"
    with output.open("w") as out:
        running = subprocess.Popen([sys.executable, "-P", "-m", "console"], env=env, stdout=out, stderr=out, cwd=tmp_path)

    def ready() -> bool:
        try:
            return requests.get(f"{url}/readyz", timeout=5).ok
        except requests.ConnectionError:
            assert running.poll() is None, output.read_text()
            return False

    try:
        eventually(ready)
        yield running, url, output
    finally:
        running.kill()
        running.wait()


def test_process(process, eventually, tmp_path) -> None:
    """It stops on SIGTERM, and its logs name no incident."""
    running, url, output = process
    assert requests.get(f"{url}/healthz", timeout=5).json() == {"service": "console", "status": "alive"}
    switches = requests.get(f"{url}/chaos", timeout=5).json()["switches"]
    assert [one["id"] for one in switches] == [
        one.id for one in load_catalogue().values() if one.switch and "global" in one.switch.scope
    ]
    follower = Follower(BoardProvider(), url, "auth-stub").start()
    try:
        assert requests.put(f"{url}/chaos/auth-token-expired", timeout=10).json()["on"]
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0, "waiting polls do not delay the stop"
    finally:
        follower.stop()
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert {line["service"] for line in lines} == {"console"}
    assert "auth-token-expired" not in output.read_text()
    assert "auth-token-expired" in (tmp_path / "journal.ndjson").read_text()
