"""The pytest plugin: ``virtual_shop_process`` (session) is a shop that runs, ``virtual_shop`` (function) a test's view of it.

It is loaded in every pytest run of an environment, so it imports nothing of the shop until a test asks for it. ``-p no:vshop``
leaves it out altogether. docs/fixture.md tells how to use it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from vshop.fixture import ShopProcess, VirtualShop

_OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        "url",
        {
            "action": "append",
            "metavar": "URL",
            "help": "Attach to a shop that runs: http://host for default ports, or part=http://host:port; may be repeated.",
        },
    ),
    ("home", {"metavar": "DIR", "help": "Attach to the embedded shop that runs in this home folder (vshop up --home)."}),
    ("mode", {"choices": ["embedded", "compose"], "help": "Processes (the default), or containers."}),
    ("shared", {"action": "store_true", "help": "One shop for all workers of pytest-xdist; without it each has its own."}),
    (
        "otlp-endpoint",
        {
            "metavar": "URL",
            "help": "The tool under test: gets all signals, beside the shop's own store. http://host:port or grpc://host:port.",
        },
    ),
    ("export-dir", {"metavar": "DIR", "help": "Folder that gets all signals as OTLP JSON lines."}),
    ("env", {"action": "append", "metavar": "NAME=VALUE", "help": "A variable for the services, e.g. SHOP_KAFKA_TRACE=link."}),
    ("timeout", {"type": float, "metavar": "S", "help": "Seconds the shop gets to become ready; 120 unless told."}),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options, each beginning with ``--vshop-``."""
    group = parser.getgroup("vshop", "the virtual shop")
    for name, settings in _OPTIONS:
        group.addoption(f"--vshop-{name}", dest=f"vshop_{name.replace('-', '_')}", **settings)


@pytest.fixture(scope="session")
def virtual_shop_options() -> dict[str, Any]:
    """What to start the shop with, beside the command line; override it in a conftest.py.

    The keys are those of ``vshop.fixture.Wanted``, such as ``{"env": {"SHOP_KAFKA_TRACE": "link"}}``.
    """
    return {}


@pytest.fixture(scope="session")
def virtual_shop_process(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, virtual_shop_options: dict[str, Any]
) -> "Iterator[ShopProcess]":
    """A shop that runs, for the whole session: started on free ports, in containers, shared with other workers, or attached to."""
    from vshop.fixture import Wanted, WrongOptionError, open_shop  # noqa: PLC0415 - only a test that asks for it loads it
    from vshop.kit.settings import SettingsError  # noqa: PLC0415
    from vshop.runtime.errors import RuntimeProblem  # noqa: PLC0415

    given = {name.replace("-", "_"): request.config.getoption(f"vshop_{name.replace('-', '_')}") for name, _ in _OPTIONS}
    given["urls"] = tuple(given.pop("url") or ())
    given["timeout_s"] = given.pop("timeout")
    given["env"] = _variables(given.pop("env") or [])
    together = given.pop("shared")
    wanted = _merged(given, virtual_shop_options)
    # Containers have their ports on this machine once: workers can only share them.
    worker = hasattr(request.config, "workerinput")
    if together or (wanted.get("mode") == "compose" and worker):
        wanted["shared"] = _shared_folder(tmp_path_factory, worker=worker)
    home = tmp_path_factory.mktemp("vshop")
    try:
        with open_shop(Wanted(**wanted), home) as process:
            yield process
    except (RuntimeProblem, SettingsError, WrongOptionError) as error:
        # Its text is meant for a person; the stack trace would bury it.
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def virtual_shop(virtual_shop_process: "ShopProcess") -> "Iterator[VirtualShop]":
    """A test's view of the shop; what it switches on is off again when the test is over."""
    from vshop.fixture import VirtualShop  # noqa: PLC0415 - as above

    shop = VirtualShop(virtual_shop_process)
    yield shop
    shop.reset()


def _merged(given: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Put the command line over what a conftest.py says; variables are added up."""
    said = {name: value for name, value in given.items() if value}
    env = {"env": {**overrides.get("env", {}), **said.get("env", {})}}
    return {**overrides, **said, **env}


def _variables(pairs: list[str]) -> dict[str, str]:
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        pytest.fail(f"--vshop-env {wrong[0]!r} is not written as NAME=VALUE.", pytrace=False)
    return dict(pair.split("=", 1) for pair in pairs)


def _shared_folder(factory: pytest.TempPathFactory, *, worker: bool) -> str:
    # pytest-xdist gives each worker a folder inside the one that all have in common.
    base = factory.getbasetemp()
    return str((base.parent if worker else base) / "vshop-shared")
