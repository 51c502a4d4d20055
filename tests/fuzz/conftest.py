import os
import secrets
from collections.abc import Iterator

import pytest
import requests
from hypothesis import HealthCheck, settings

from vshop.runtime.local.shop import Shop
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient

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
    return f"fuzz: VSHOP_FUZZ_SEED={SEED} VSHOP_FUZZ_EXAMPLES={EXAMPLES}" if LONG else f"fuzz: the same {EXAMPLES} of each, always"


def pytest_configure(config: pytest.Config) -> None:
    if LONG and config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = SEED


@pytest.fixture(scope="session")
def examples() -> int:
    return EXAMPLES


@pytest.fixture(scope="session")
def chance() -> list[str]:
    return ["--seed", str(SEED)] if LONG else ["--generation-deterministic"]


@pytest.fixture
def shop(shared_shop: Shop) -> Iterator[Shop]:
    yield shared_shop
    ready = {name: requests.get(f"{shared_shop.addresses[name]}/readyz", timeout=30).status_code for name in SERVICES}
    assert ready == dict.fromkeys(SERVICES, 200)
    assert sorted(shared_shop.state.living()) == sorted(shared_shop.state.processes)


SERVICES = ("auth-stub", "orders", "stock-updater", "observatory", "console")


@pytest.fixture
def client(shop: Shop) -> ShopClient:
    return ShopClient(find(shop.state.home, {}))
