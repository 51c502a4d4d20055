import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import environment, kept_shops, scheduling, tiers
from tests.kept_shops import KeptShops
from tests.timing import Budget
from tests.waiting import Eventually, wait_until
from vshop.runtime.backends.jars import KAFKA
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.progress import silent

PROXIES = pytest.StashKey[dict[str, str]]()
USERS = pytest.StashKey[dict[Path, frozenset[str]]]()
KEPT = pytest.StashKey[KeptShops]()
ROOT = Path(__file__).parents[1]


def pytest_configure(config: pytest.Config) -> None:
    """Delete the user's settings before any test module is imported: some libraries read them on import."""
    config.stash[PROXIES] = {}
    if config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput"):
        return  # the workers do it; this process runs no test
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    config.stash[PROXIES] = environment.clean(patch)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if marker := tiers.FOLDER_MARKERS.get(folder_of(item)):
            item.add_marker(marker)
    items.sort(key=lambda item: scheduling.place(item.path.relative_to(ROOT)))


def pytest_collection_finish(session: pytest.Session) -> None:
    session.config.stash[USERS] = kept_shops.users(session.items)


def folder_of(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT).parts[1]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return scheduling.scheduler(config, log)


@pytest.fixture(scope="session")
def proxies(request: pytest.FixtureRequest) -> dict[str, str]:
    return request.config.stash[PROXIES]


@pytest.fixture(scope="session", autouse=True)
def own_home(request: pytest.FixtureRequest, proxies: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Use another home folder than the user, so that a running shop is left alone."""
    if proxies and not all(folder_of(item) in {"unit", "contract"} for item in request.session.items) and not KAFKA.fetched():
        with environment.with_proxies(proxies):
            KAFKA.ensure(silent)
    home = tmp_path_factory.mktemp("vshop-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VSHOP_HOME", str(home))
        yield home


@pytest.fixture(scope="session")
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptShops]:
    shops = KeptShops(tmp_path_factory.mktemp)
    request.config.stash[KEPT] = shops
    yield shops
    shops.stop_all_but(frozenset())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Any:
    result = yield
    if KEPT in item.config.stash:
        needed = item.config.stash[USERS][nextitem.path] if nextitem else frozenset[str]()
        item.config.stash[KEPT].stop_all_but(needed)
    return result


@pytest.fixture(scope="module")
def shared_shop(kept: KeptShops) -> Shop:
    """A shop with default settings; it is reset for each file. A test must not stop or kill its parts."""
    return kept.take("shared_shop")


@pytest.fixture(scope="module")
def breakable_shop(kept: KeptShops) -> Shop:
    """A shop whose parts a test may stop, freeze and kill, if it leaves all of them ready; it is reset for each file."""
    return kept.take("breakable_shop")


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    return wait_until


@pytest.fixture
def budget(request: pytest.FixtureRequest) -> Budget:
    """Scale a limit in seconds by how slow this machine is during the test, which must be marked ``timing``."""
    if request.node.get_closest_marker("timing") is None:
        pytest.fail("Mark this test with pytest.mark.timing: beside other tests, seconds say nothing.", pytrace=False)
    return Budget()


REQUIRED = {"engine": "VSHOP_REQUIRE_DOCKER", "browser": "VSHOP_REQUIRE_BROWSER", "foreign": "VSHOP_REQUIRE_FOREIGN"}
"""Variables that turn the skips of tests with this marker into failures, unless only an image is missing."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    for marker, variable in REQUIRED.items():
        if (
            report.skipped
            and os.environ.get(variable)
            and item.get_closest_marker(marker)
            and "docker pull" not in str(report.longrepr)
        ):
            report.outcome = "failed"
            report.longrepr = f"skipped, though {variable} is set: {report.longrepr}"
    return report
