"""What all tests share: they never touch the user's own shop, and a container test may not be skipped where one is required."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import Eventually, wait_until


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give every test session a home folder of its own, so that a running workshop shop is left alone."""
    home = tmp_path_factory.mktemp("vshop-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VSHOP_HOME", str(home))
        for name in list(os.environ):
            if name.startswith(("SHOP_", "OTEL_")) or (name.startswith("VSHOP_") and name.endswith("_URL")):
                patch.delenv(name)
        yield home


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """Wait until a condition holds, 60 s unless told otherwise, and return what it answered."""
    return wait_until


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal the suite out to several workers (``-n 3``) so that tests which share a started shop meet in one of them."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - not needed where one process runs them all

    class BySharedShop(LoadScopeScheduling):  # `--dist loadgroup` does not group with pytest 9.2 and xdist 3.8
        def _split_scope(self, nodeid: str) -> str:
            return shared_with(Path(nodeid.partition("::")[0]))

    config.option.loadscopereorder = False  # folders that start servers come first as it is; many small tests are no long ones
    return BySharedShop(config, log)


_BREAK_THEIR_SHOP = {"test_health.py", "test_reset.py", "test_restarts.py", "test_stopping.py"}
_START_THEIR_OWN = {"test_corpus.py", "test_torture.py"}
_NOT_TOGETHER = {"browser", "docker"}  # Chromium gives up its requests when a container's network comes or goes


def shared_with(file: Path) -> str:
    """Name the tests that a file's tests share something costly with.

    Args:
        file: as a test's id names it, such as ``tests/embedded/test_trace.py``.
    """
    folder = file.parts[1]
    if folder == "embedded" and file.name in _BREAK_THEIR_SHOP:
        return "a shop that is broken"
    if folder in _NOT_TOGETHER:
        return "containers and browser"
    alone = folder in {"contract", "unit"} or (folder == "embedded" and file.name in _START_THEIR_OWN)
    return str(file) if alone else folder


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Turn a skip into a failure in tests/docker when VSHOP_REQUIRE_DOCKER says that an engine must be there."""
    report = yield
    if report.skipped and os.environ.get("VSHOP_REQUIRE_DOCKER") and "docker" in item.path.parts:
        report.outcome = "failed"
        report.longrepr = f"skipped, though VSHOP_REQUIRE_DOCKER is set: {report.longrepr}"
    return report
