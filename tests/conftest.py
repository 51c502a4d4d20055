"""What all tests share: they never touch the user's own shop, and a container test may not be skipped where one is required."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


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


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests belong together when several workers share the suite (``--dist loadgroup``): those that share a started shop.

    What starts nothing, or a shop of its own, is dealt out file by file.
    """
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Item) -> str:
    file = item.path.relative_to(Path(__file__).parent)
    fixtures = getattr(item, "fixturenames", ())
    if "breakable" in fixtures:
        return "breakable"
    alone = file.parts[0] in {"unit", "contract"} or (file.parts[0] == "embedded" and "shop" not in fixtures)
    return str(file) if alone else file.parts[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Turn a skip into a failure in tests/docker when VSHOP_REQUIRE_DOCKER says that an engine must be there."""
    report = yield
    if report.skipped and os.environ.get("VSHOP_REQUIRE_DOCKER") and "docker" in item.path.parts:
        report.outcome = "failed"
        report.longrepr = f"skipped, though VSHOP_REQUIRE_DOCKER is set: {report.longrepr}"
    return report
