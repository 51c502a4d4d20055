"""The pytest plugin (docs/fixture.md).

Every pytest run of the environment loads it, so it imports nothing of the shop until a test uses it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from vshop.fixture import ShopProcess, VirtualShop

_FAILED = pytest.StashKey[bool]()
"""One test fails with the reason, the others are skipped."""
_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "url",
        {
            "action": "append",
            "metavar": "URL",
            "help": "Attach to a running shop: http://host for default ports, or part=http://host:port (repeatable)",
        },
    ),
    ("home", {"metavar": "DIR", "help": "Attach to the embedded shop with this home folder (vshop up --home)"}),
    ("mode", {"choices": ["embedded", "compose"], "help": "Run the shop as processes or in containers (default: embedded)"}),
    ("shared", {"action": "store_true", "help": "Share one shop between all pytest-xdist workers"}),
    (
        "telemetry",
        {"metavar": "MODE", "help": "Instrument the services with: sdk (default), none, zero-code, or your agent's command"},
    ),
    (
        "otlp-endpoint",
        {"metavar": "URL", "help": "Forward all signals to this OTLP receiver: http://host:port or grpc://host:port"},
    ),
    ("export-dir", {"metavar": "DIR", "help": "Write all signals to this folder as OTLP JSON lines"}),
    ("env", {"action": "append", "metavar": "NAME=VALUE", "help": "Set a variable, e.g. SHOP_KAFKA_TRACE=link (repeatable)"}),
    ("timeout", {"type": float, "metavar": "S", "help": "Seconds to wait for the shop to become ready (default: 120)"}),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, each beginning with ``--vshop-``."""
    group = parser.getgroup("vshop", "the virtual shop")
    for name, settings in _OPTIONS:
        group.addoption(f"--vshop-{name}", dest=f"vshop_{name.replace('-', '_')}", **settings)


@pytest.fixture(scope="session")
def virtual_shop_options() -> dict[str, Any]:
    """Options of the shop beside the command line; override it in a conftest.py.

    The keys are those of ``vshop.fixture.Wanted``, such as ``{"env": {"SHOP_KAFKA_TRACE": "link"}}``.
    """
    return {}


@pytest.fixture(scope="session")
def virtual_shop_process(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, virtual_shop_options: dict[str, Any]
) -> "Iterator[ShopProcess]":
    """A running shop for the whole session."""
    from vshop.fixture import START_ERRORS, Wanted, open_shop  # noqa: PLC0415 - loaded only by tests that use it

    given = {name.replace("-", "_"): request.config.getoption(f"vshop_{name.replace('-', '_')}") for name, _ in _OPTIONS}
    given["urls"] = tuple(given.pop("url") or ())
    given["timeout_s"] = given.pop("timeout")
    try:
        given["env"] = _variables(given.pop("env") or [])
    except ValueError as error:
        _fail_once(request.config, error)
    shared = given.pop("shared")
    wanted = _merged(given, virtual_shop_options)
    # Containers use fixed ports, so workers can only share them.
    worker = hasattr(request.config, "workerinput")
    if shared or (wanted.get("mode") == "compose" and worker):
        wanted["shared"] = _shared_folder(tmp_path_factory, worker=worker)
    home = tmp_path_factory.mktemp("vshop")
    try:
        with open_shop(Wanted(**wanted), home) as process:
            yield process
    except START_ERRORS as error:
        _fail_once(request.config, error)


@pytest.fixture
def virtual_shop(request: pytest.FixtureRequest) -> "Iterator[VirtualShop]":
    """One test's view of the shop; its incidents are off after the test."""
    from vshop.fixture import VirtualShop  # noqa: PLC0415 - as above

    if request.config.stash.get(_FAILED, False):
        pytest.skip("There is no virtual shop: see the error of the first test that uses it.")
    shop = VirtualShop(request.getfixturevalue("virtual_shop_process"))
    yield shop
    shop.reset()


def _fail_once(config: pytest.Config, error: Exception) -> NoReturn:
    """Without a stack trace, which would hide the message."""
    config.stash[_FAILED] = True
    raise pytest.fail.Exception(str(error), pytrace=False) from None


def _merged(given: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    options = {name: value for name, value in given.items() if value}
    env = {"env": {**overrides.get("env", {}), **options.get("env", {})}}
    return {**overrides, **options, **env}


def _variables(pairs: list[str]) -> dict[str, str]:
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise ValueError(f"--vshop-env {wrong[0]!r} is not written as NAME=VALUE.")
    return dict(pair.split("=", 1) for pair in pairs)


def _shared_folder(factory: pytest.TempPathFactory, *, worker: bool) -> str:
    # pytest-xdist gives each worker a subfolder of a common folder.
    base = factory.getbasetemp()
    return str((base.parent if worker else base) / "vshop-shared")
