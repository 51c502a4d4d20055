from collections.abc import Callable

import pytest
import yaml

from vshop.runtime.local.shop import Shop
from vshop.runtime.model import folders

CACHE = folders.cache()
YAML = yaml.SafeLoader
"""Loaded before pytester saves the modules: its C extension cannot be imported a second time."""
Run = Callable[..., pytest.RunResult]


@pytest.fixture(scope="module")
def running_shop(shared_shop: Shop) -> Shop:
    return shared_shop


ALWAYS = ("-W", "error", "-p", "no:cacheprovider")


@pytest.fixture(autouse=True)
def kafka_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the Kafka files of this machine: ``pytester`` changes HOME, and a shop would download them into it."""
    monkeypatch.setenv("VSHOP_CACHE", str(CACHE))


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    def go(source: str, *options: str, conftest: str = "") -> pytest.RunResult:
        pytester.makepyfile(source)
        if conftest:
            pytester.makeconftest(conftest)
        return pytester.runpytest_subprocess(*ALWAYS, *options, timeout=200)

    return go


@pytest.fixture
def run_here(pytester: pytest.Pytester) -> Run:
    def go(source: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(source)
        return pytester.runpytest_inprocess(*ALWAYS, *options)

    return go


@pytest.fixture
def run_attached(run: Run, running_shop: Shop) -> Run:
    return lambda source, *options: run(source, f"--vshop-home={running_shop.state.home}", *options)


@pytest.fixture
def run_attached_here(run_here: Run, running_shop: Shop) -> Run:
    return lambda source, *options: run_here(source, f"--vshop-home={running_shop.state.home}", *options)
