"""Shops to inject faults into: processes behind proxies, or containers."""

import contextlib
import subprocess
from pathlib import Path
from typing import Literal

import psutil

from loadtest.proxy import Proxy
from vshop.runtime import compose
from vshop.runtime.local.shop import Shop
from vshop.runtime.model import folders, ports
from vshop.runtime.model.options import Options
from vshop.shop.addresses import Addresses, find

_READY_S = 180


def backend_settings(shop: Shop) -> dict[str, str]:
    """Return the settings for more services on a shop's backends."""
    return {
        "SHOP_KAFKA_BOOTSTRAP": shop.addresses["kafka"],
        "SHOP_DYNAMODB_ENDPOINT": shop.addresses["dynamodb"],
        "OTEL_EXPORTER_OTLP_ENDPOINT": shop.addresses["otlp"],
        "AWS_ACCESS_KEY_ID": "embedded",
        "AWS_SECRET_ACCESS_KEY": "embedded",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


_PROXIED = {
    "kafka": ("kafka", "SHOP_KAFKA_BOOTSTRAP", "127.0.0.1:{}"),
    "dynamodb": ("dynamodb", "SHOP_DYNAMODB_ENDPOINT", "http://127.0.0.1:{}"),
    "auth-stub": ("auth", "SHOP_AUTH_URL", "http://127.0.0.1:{}"),
    "telemetry": ("otlp", "OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:{}"),
}
LINKS = tuple(_PROXIED)


class Processes:
    """A new shop on free ports, with data on disk, behind proxies."""

    def __init__(self, home: Path, updaters: int = 1, dynamodb: Literal["moto", "local"] = "local") -> None:
        """Start the shop. Several stock-updaters share the partitions; only the first is killed."""
        numbers = dict(zip((port for port, _, _ in _PROXIED.values()), ports.free(len(_PROXIED)), strict=True))
        self.proxies = {link: Proxy(numbers[port]) for link, (port, _, _) in _PROXIED.items()}
        self.proxies["kafka"].advertise_for_kafka()
        env = {variable: text.format(self.proxies[link].port) for link, (_, variable, text) in _PROXIED.items()}
        options = Options(home=str(home), free_ports=True, ports=numbers, env=env, dynamodb=dynamodb, timeout_s=_READY_S)
        self._shop = Shop.start(options)
        self._more: list[Shop] = []
        self.home = folders.home(home)
        self.kafka, self.dynamodb = self._shop.addresses["kafka"], self._shop.addresses["dynamodb"]
        self.addresses = find(str(home), {})
        env = backend_settings(self._shop) | {"SHOP_CONSOLE_URL": self._shop.addresses["console"]}
        for number in range(2, updaters + 1):
            folder = str(home / f"stock-updater-{number}")
            options = Options(parts=("stock-updater",), home=folder, free_ports=True, env=env, timeout_s=_READY_S)
            self._more.append(Shop.start(options))

    def process(self, part: str) -> psutil.Process:
        return psutil.Process(self._shop.state.processes[part].pid)

    def kill(self, part: str) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process = self.process(part)
            process.kill()
            process.wait(10)

    def start(self, part: str) -> None:
        """Start a part, and wait until it is ready."""
        self._shop.restart(part)

    def restart(self, part: str) -> None:
        self._shop.restart(part)

    def close(self) -> None:
        for shop in [*self._more, self._shop]:
            shop.stop()
        for proxy in self.proxies.values():
            proxy.close()


class Containers:
    """The containers of ``make compose-up``, which are left running."""

    def __init__(self) -> None:
        self.addresses = Addresses(**compose.addresses())

    def kill(self, part: str) -> None:
        _compose("kill", "--signal", "SIGKILL", part)

    def start(self, part: str) -> None:
        _compose("up", "--detach", "--no-build", "--no-deps", "--wait", "--wait-timeout", str(_READY_S), part)

    def restart(self, part: str) -> None:
        _compose("restart", "--timeout", "10", part)
        self.start(part)

    def close(self) -> None:
        """Leave the containers running."""


def _compose(*arguments: str) -> None:
    file = Path(__file__).parents[1] / "docker-compose.yml"
    subprocess.run(["docker", "compose", "--file", str(file), *arguments], check=True, capture_output=True, timeout=_READY_S + 30)


Target = Processes | Containers
