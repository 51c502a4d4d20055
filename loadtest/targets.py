"""The shop under torture: processes of this machine, or containers; how a part is killed, restarted and put right again."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path
from typing import Protocol

import psutil

from vshop.addresses import Addresses, find
from vshop.runtime import compose
from vshop.runtime.options import Options
from vshop.runtime.shop import Shop

_READY_S = 180


class Target(Protocol):
    """A shop whose parts can be killed. Its data outlives that: Kafka's and DynamoDB's lie on disk."""

    addresses: Addresses

    def kill(self, part: str) -> None:
        """End a part without a warning."""

    def start(self, part: str) -> None:
        """Start a part again that was killed, and wait until it is ready."""

    def restart(self, part: str) -> None:
        """Stop a part in order and start it again, and wait until it is ready."""

    def close(self) -> None:
        """Leave nothing running that was started here."""


class Processes:
    """A shop of its own: real Kafka, DynamoDB Local, everything on free ports."""

    def __init__(self, home: Path, updaters: int = 1) -> None:
        """Start it.

        Args:
            home: folder for its state, logs and data.
            updaters: how many stock-updaters share the topic's partitions; the first is the one that is killed.
        """
        self._shop = Shop.start(Options(home=str(home), free_ports=True, dynamodb="local", timeout_s=_READY_S))
        self._more: list[Shop] = []
        self.addresses = find(str(home), {})
        for number in range(2, updaters + 1):
            self._more.append(self._another_updater(home / f"stock-updater-{number}"))

    def _another_updater(self, home: Path) -> Shop:
        at = self._shop.addresses
        env = {
            "SHOP_KAFKA_BOOTSTRAP": at["kafka"],
            "SHOP_DYNAMODB_ENDPOINT": at["dynamodb"],
            "SHOP_CONSOLE_URL": at["console"],
            "OTEL_EXPORTER_OTLP_ENDPOINT": at["otlp"],
            "AWS_ACCESS_KEY_ID": "embedded",
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        return Shop.start(Options(parts=("stock-updater",), home=str(home), free_ports=True, env=env, timeout_s=_READY_S))

    def kill(self, part: str) -> None:
        """End a part without a warning."""
        pid = self._shop.state.processes[part].pid
        os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(10)

    def start(self, part: str) -> None:
        """Start a part again that was killed, and wait until it is ready."""
        self._shop.restart(part)

    def restart(self, part: str) -> None:
        """Stop a part in order and start it again, and wait until it is ready."""
        self._shop.restart(part)

    def close(self) -> None:
        """Stop the shop."""
        for shop in [*self._more, self._shop]:
            shop.stop()


class Containers:
    """The shop in containers that runs already (``make compose-up``); it stays."""

    def __init__(self) -> None:
        """Find it."""
        self.addresses = Addresses(**compose.addresses())

    def kill(self, part: str) -> None:
        """End a part without a warning."""
        _compose("kill", "--signal", "SIGKILL", part)

    def start(self, part: str) -> None:
        """Start a part again that was killed, and wait until it is ready."""
        _compose("up", "--detach", "--no-build", "--no-deps", "--wait", "--wait-timeout", str(_READY_S), part)

    def restart(self, part: str) -> None:
        """Stop a part in order and start it again, and wait until it is ready."""
        _compose("restart", "--timeout", "10", part)
        self.start(part)

    def close(self) -> None:
        """Leave it running: somebody else started it."""


def _compose(*arguments: str) -> None:
    file = Path(__file__).parents[1] / "docker-compose.yml"
    subprocess.run(["docker", "compose", "--file", str(file), *arguments], check=True, capture_output=True, timeout=_READY_S + 30)
