"""Runs pytest inside pytest, as a user of the plugin would, in a folder that knows nothing of this checkout."""

from collections.abc import Callable, Iterator

import pytest

from vshop.runtime.options import Options
from vshop.runtime.shop import Shop

Run = Callable[..., pytest.RunResult]


@pytest.fixture(scope="session")
def running_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop that runs already, for the tests that attach to one."""
    home = str(tmp_path_factory.mktemp("attached"))
    with Shop.start(Options(free_ports=True, home=home, aot=False, timeout_s=100)) as shop:
        yield shop


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Run a test file with options; warnings are errors there too."""

    def go(source: str, *options: str, conftest: str = "") -> pytest.RunResult:
        pytester.makepyfile(source)
        if conftest:
            pytester.makeconftest(conftest)
        return pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", *options, timeout=200)

    return go


@pytest.fixture
def run_attached(run: Run, running_shop: Shop) -> Run:
    """The same, attached to the shop that runs."""
    return lambda source, *options, **more: run(source, f"--vshop-home={running_shop.state.home}", *options, **more)
