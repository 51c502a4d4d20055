"""A real shop to be fuzzed, for the session; every test leaves it ready."""

import os
import secrets
from collections.abc import Iterator

import pytest
import requests
from hypothesis import HealthCheck, settings

from vshop.addresses import find
from vshop.client import ShopClient
from vshop.runtime.options import Options
from vshop.runtime.shop import Shop

EXAMPLES = int(os.environ.get("VSHOP_FUZZ_EXAMPLES", "5"))
"""How many of each kind; `make fuzz` tries more."""

SEED = int(os.environ.get("VSHOP_FUZZ_SEED") or secrets.randbelow(2**31))
"""Of a long run, which makes up others each time; the default suite's few are always the same."""
LONG = EXAMPLES > 100

# No deadline: a busy machine is no finding.
settings.register_profile(
    "fuzz",
    max_examples=EXAMPLES,
    derandomize=not LONG,
    print_blob=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("fuzz")


def pytest_report_header() -> str:
    """Say how a long run is repeated."""
    return f"fuzz: VSHOP_FUZZ_SEED={SEED} VSHOP_FUZZ_EXAMPLES={EXAMPLES}" if LONG else f"fuzz: the same {EXAMPLES} of each, always"


def pytest_configure(config: pytest.Config) -> None:
    """Let Hypothesis begin with the seed."""
    if LONG and config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = SEED


@pytest.fixture(scope="session")
def examples() -> int:
    """How many examples are wanted."""
    return EXAMPLES


@pytest.fixture(scope="session")
def chance() -> list[str]:
    """Options of schemathesis: what its examples are made up from."""
    return ["--seed", str(SEED)] if LONG else ["--generation-deterministic"]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The session's shop."""
    home = str(tmp_path_factory.mktemp("fuzzed"))
    with Shop.start(Options(free_ports=True, home=home, aot=False, timeout_s=100)) as shop:
        yield shop


@pytest.fixture
def shop(running: Shop) -> Iterator[Shop]:
    """The shop; after the test all of its processes must be the same ones and ready."""
    yield running
    ready = {name: requests.get(f"{running.addresses[name]}/readyz", timeout=30).status_code for name in SERVICES}
    assert ready == dict.fromkeys(SERVICES, 200)
    assert sorted(running.state.living()) == sorted(running.state.processes)


SERVICES = ("auth-stub", "orders", "stock-updater", "observatory", "console")


@pytest.fixture
def client(shop: Shop) -> ShopClient:
    """A shopper."""
    return ShopClient(find(shop.state.home, {}))
