"""Programs of other languages' SDKs: installs and runs them. Each needs its toolchain and its package registry."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from vshop.kit.demo_data import PASSWORD, SHOPPERS
from vshop.kit.settings import load
from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import find
from vshop.shop.traces import TraceReader

FOLDER = Path(__file__).parent
_INSTALL_S, _RUN_S = 540, 120

Install = Callable[..., str]
Run = Callable[..., str]


@pytest.fixture(scope="session")
def install(proxies: dict[str, str]) -> Install:
    def run(*command: str, cwd: Path, needs: str) -> str:
        missing = [program for program in needs.split() if shutil.which(program) is None]
        if missing:
            pytest.skip(f"Install {', '.join(missing)} to run this test.")
        for _ in range(2):  # a registry may fail once
            try:
                done = subprocess.run(
                    command, cwd=cwd, env=os.environ | proxies, capture_output=True, text=True, timeout=_INSTALL_S, check=False
                )
            except subprocess.TimeoutExpired:
                pytest.skip(f"`{' '.join(command)}` in {cwd.name} took more than {_INSTALL_S} s. Run it once before the test.")
            if done.returncode == 0:
                return done.stdout
        said = (done.stderr or done.stdout).strip()[-600:]
        pytest.skip(f"`{' '.join(command)}` in {cwd.name} needs packages, or a newer toolchain: {said}")

    return run


@pytest.fixture
def run(shared_shop: Shop, tmp_path: Path) -> Run:
    """Run a program with the addresses of the shop, and return its output.

    ``protocol`` is ``http`` or ``grpc``: the port of OTLP; the SDK chooses the protocol itself.
    """
    (user, *_) = SHOPPERS
    login = {"grant_type": "password", "username": user, "password": PASSWORD, "audience": load().token_audience}

    def start(*command: str, service: str, protocol: str) -> str:
        env = {
            "AUTH_URL": shared_shop.addresses["auth-stub"],
            "ORDERS_URL": shared_shop.addresses["orders"],
            "LOGIN": json.dumps(login),
            "ORDER": json.dumps({"itemId": 3, "username": user, "quantity": 1}),
            "OTEL_SERVICE_NAME": service,
            "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint(shared_shop, protocol),
        }
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | env, capture_output=True, text=True, timeout=_RUN_S, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    return start


def endpoint(shop: Shop, protocol: str) -> str:
    return f"http://127.0.0.1:{shop.state.ports['otlp_grpc']}" if protocol == "grpc" else shop.addresses["otlp"]


@pytest.fixture
def reader(shared_shop: Shop) -> TraceReader:
    return TraceReader(find(shared_shop.state.home, {}).traces)


@pytest.fixture
def console_trace(shared_shop: Shop) -> Callable[[str], dict]:
    return lambda trace_id: requests.get(f"{shared_shop.addresses['console']}/api/traces/{trace_id}", timeout=30).json()
