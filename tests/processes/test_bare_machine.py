import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.docker.engine import problem

ROOT = Path(__file__).parents[2]


@contextmanager
def no_socket(folder: Path) -> Iterator[str]:
    yield f"unix://{folder}/docker.sock"


@contextmanager
def socket_without_listener(folder: Path) -> Iterator[str]:
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(f"{folder}/docker.sock")
    yield f"unix://{folder}/docker.sock"


@contextmanager
def refused_port(_folder: Path) -> Iterator[str]:
    with closing(socket.socket()) as bound:  # bound, but not listening: nobody else can take the port meanwhile
        bound.bind(("127.0.0.1", 0))
        yield f"tcp://127.0.0.1:{bound.getsockname()[1]}"


class NotDocker(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"OK")

    def log_message(self, *_arguments: object) -> None:
        """Print nothing."""


@contextmanager
def web_server(_folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), NotDocker) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"tcp://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@contextmanager
def unknown_scheme(_folder: Path) -> Iterator[str]:
    yield "npipe:////./pipe/docker_engine"


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (no_socket, "No such file"),
        (socket_without_listener, "refused"),
        (refused_port, "refused"),
        (web_server, "not a container engine"),
        (unknown_scheme, "cannot reach"),
    ],
)
def test_container_tests_are_skipped(tmp_path: Path, host: Callable[[Path], Iterator[str]], said: str) -> None:
    with host(tmp_path) as address:
        env = {name: value for name, value in os.environ.items() if name != "VSHOP_REQUIRE_DOCKER"} | {"DOCKER_HOST": address}
        command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", "tests/docker/test_image.py"]
        ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)

        found = problem({"DOCKER_HOST": address})

    assert said in str(found)
    assert (ran.returncode, "Start Docker, or set DOCKER_HOST" in ran.stdout) == (0, True), ran.stdout + ran.stderr


def test_a_required_engine_that_is_missing_fails_the_tests(tmp_path: Path) -> None:
    env = os.environ | {"DOCKER_HOST": f"unix://{tmp_path}/docker.sock", "VSHOP_REQUIRE_DOCKER": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/docker/test_image.py"]

    ran = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert ran.returncode == 1
    assert "VSHOP_REQUIRE_DOCKER is set" in ran.stdout


def test_an_engine_that_answers_is_used() -> None:
    class Engine(NotDocker):
        def end_headers(self) -> None:
            self.send_header("Api-Version", "1.45")
            super().end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Engine) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        found = problem({"DOCKER_HOST": f"tcp://127.0.0.1:{server.server_port}"})
        server.shutdown()
        thread.join()

    assert found is None
