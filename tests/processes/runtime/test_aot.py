import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.waiting import Eventually
from vshop.runtime.backends.jars import KAFKA
from vshop.runtime.local import aot
from vshop.runtime.local.shop import LocalMode, Shop
from vshop.runtime.model import processes
from vshop.runtime.model.options import Options
from vshop.runtime.model.progress import Event, silent


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually: Eventually) -> Iterator[str]:
    KAFKA.ensure(silent)
    folder = KAFKA.folder()
    monkeypatch.setenv("VSHOP_CACHE", str(tmp_path / "cache"))
    KAFKA.folder().parent.mkdir()
    KAFKA.folder().symlink_to(folder)
    assert aot.make_in_background({**os.environ, "VSHOP_AOT": "1"})
    run = aot.build_run()
    eventually(lambda: len(processes.find_runs().get(run, [])) > 1)
    yield run
    processes.kill_run(run)


def test_down_ends_the_build(shop: Shop, build: str, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = processes.find_runs
    monkeypatch.setattr(
        processes, "find_runs", lambda: {run: found for run, found in runs().items() if run in {shop.state.run, build}}
    )
    events: list[Event] = []

    LocalMode(Options(home=shop.state.home)).down(events.append)

    assert build not in runs()
    assert [event.detail for event in events if event.state == "note"] == ["stopped building the cache; the next start tries again"]
    assert [path.suffix for path in aot.cache_file().parent.iterdir() if path.is_file()] == [".lock"]
    assert not aot.cache_file().with_suffix(".partial").exists()


def test_down_leaves_the_build_to_another_shop(shop: Shop, build: str, options: Options, tmp_path: Path) -> None:
    with Shop.start(msgspec.structs.replace(options, home=str(tmp_path / "other"))):
        LocalMode(Options(home=shop.state.home)).down(silent)

        assert build in processes.find_runs()
