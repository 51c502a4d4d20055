import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from vshop.runtime.local.shop import Shop
from vshop.runtime.model.options import Options

SOURCE = Path(__file__).parents[3] / "src"
STAND_INS = Path(__file__).parent / "stand_ins"


@pytest.fixture
def mark(tmp_path: Path) -> str:
    return str(tmp_path)


@pytest.fixture
def left(mark: str) -> Callable[[], list[int]]:
    def find() -> list[int]:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.environ().get("STAND_IN_MARK") == mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process.pid)
        return found

    return find


@pytest.fixture
def env(mark: str) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(map(str, (STAND_INS, SOURCE))), "STAND_IN_MARK": mark}


@pytest.fixture
def options(tmp_path: Path, env: dict[str, str]) -> Options:
    return Options(home=str(tmp_path / "home"), free_ports=True, parts=("auth-stub", "orders"), env=env, timeout_s=20)


@pytest.fixture
def shop(options: Options) -> Iterator[Shop]:
    with Shop.start(options) as running:
        yield running
