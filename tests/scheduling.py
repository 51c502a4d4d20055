"""The order of the test files, and how pytest-xdist deals them out to workers.

A worker takes the next unit of the queue when it has finished its own. So the longest units come first and the unit tests,
which take no time, last: both workers are busy to the end.
"""

from pathlib import Path
from typing import Any

import pytest

# Chromium aborts its requests when a container's network is created or removed on the same machine.
_NOT_AT_ONE_TIME = {"browser", "docker"}

_BREAKABLE = {"test_health.py", "test_reset.py", "test_restarts.py", "test_stopping.py", "test_dead_service.py", "test_delivery.py"}
"""Files of tests/embedded that use ``breakable_shop``: in one unit, so that it is started once."""

_ORDER = (
    "tests/browser",
    "tests/docker",
    "tests/k8s",
    "tests/embedded/test_torture.py",
    "tests/plugin/test_started.py",
    "tests/wheel",
    "tests/embedded/test_corpus.py",
    *sorted(f"tests/embedded/{name}" for name in _BREAKABLE),
    "tests/embedded/test_backends.py",
    # From here on: files that use the shared shop, one after another.
    "tests/foreign",
    "tests/docs",
    "tests/embedded/test_incidents.py",
    "tests/embedded/test_load.py",
    "tests/plugin/test_attached.py",
    "tests/embedded",
    "tests/plugin",
    "tests/fuzz",  # last of them: it leaves the most behind
    "tests/processes",
    "tests/contract",
    "tests/unit",
)


def place(file: Path) -> tuple[int, str]:
    """Return the sort key of a test file, whose path is relative to the checkout."""
    ways = [str(file), *(str(parent) for parent in file.parents)]
    index = next((_ORDER.index(way) for way in ways if way in _ORDER), len(_ORDER))
    return index, str(file)


def unit_of(file: Path) -> str:
    """Return the name of the unit that one worker runs: a file, or files that share something costly."""
    folder = file.parts[1]
    if folder in _NOT_AT_ONE_TIME:
        return "browser and containers"
    if folder == "embedded" and file.name in _BREAKABLE:
        return "breakable shop"
    return folder if folder in {"k8s", "wheel"} else str(file)


def scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - only the process that distributes tests needs it

    class ByUnit(LoadScopeScheduling):  # `--dist loadgroup` does not group with pytest 9.2 and xdist 3.8
        def _split_scope(self, nodeid: str) -> str:
            return unit_of(Path(nodeid.partition("::")[0]))

    config.option.loadscopereorder = False  # else the unit with the most tests would come first
    return ByUnit(config, log)
