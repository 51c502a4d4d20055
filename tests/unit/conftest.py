import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.mock_broker import MockBroker

STARTS_A_PROCESS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec", "os.spawn"})
ADVICE = "A unit test must not start a process. Move it to tests/processes."


class ProcessGuard:
    """Refuses to start a process while a unit test runs.

    Python cannot remove an audit hook, so one hook stays and ``active`` switches it.
    """

    def __init__(self) -> None:
        self.active = False
        self.started: list[str] = []
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.active and event in STARTS_A_PROCESS:
            self.started.append(f"{event} {arguments[:2]}")
            pytest.fail(f"{ADVICE} It tried: {self.started[-1]}")


GUARD = ProcessGuard()


@pytest.fixture(autouse=True)
def process_guard() -> Iterator[ProcessGuard]:
    GUARD.started.clear()
    GUARD.active = True
    yield GUARD
    GUARD.active = False
    assert GUARD.started == [], ADVICE


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """The address of a mock broker."""
    mock = MockBroker()
    yield mock.address
    del mock
