import re
import subprocess
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests import scheduling, tiers


@pytest.fixture(scope="module")
def files(root):
    return sorted(path.relative_to(root) for path in (root / "tests").rglob("test_*.py"))


def test_every_folder_has_a_place_in_the_order(files):
    last = max(scheduling.place(Path("tests") / folder / "x.py") for folder in ("unit", "contract", "embedded"))

    assert [str(file) for file in files if scheduling.place(file)[0] > last[0]] == []


def test_unit_tests_come_last(files):
    in_order = [file.parts[1] for file in sorted(files, key=scheduling.place)]

    assert in_order.index("unit") > max(in_order.index(folder) for folder in set(in_order) - {"unit"})


def test_files_that_use_the_breakable_shop_are_one_unit(files, root):
    uses = {file for file in files if re.search(r"[(,] ?breakable(_shop)?[:,)]", (root / file).read_text(encoding="utf-8"))}

    browser = {file for file in uses if file.parts[1] == "browser"}  # it stays with the other tests of the browser
    assert {file for file in files if scheduling.unit_of(file) == "breakable shop"} == uses - browser


def test_browser_and_containers_are_one_unit(files):
    together = {scheduling.unit_of(file) for file in files if file.parts[1] in {"browser", "docker"}}

    assert together == {"browser and containers"}


def test_every_marker_is_described(root):
    options = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    declared = {line.partition(":")[0] for line in options["markers"]}
    described = set(re.findall(r"^\| `(\w+)` \|", (root / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE))

    assert declared == described
    assert set(tiers.FOLDER_MARKERS.values()) <= declared


@pytest.mark.parametrize(
    ("statuses", "status"),
    [([0, 0], 0), ([1, 0], 1), ([0, 1], 1), ([2, 1], 2), ([5, 0], 0), ([0, 5], 0), ([5, 5], 5), ([5, 2], 2)],
    ids=str,
)
def test_a_tier_passes_when_its_runs_pass(monkeypatch, statuses, status):
    commands = []

    def run(command, **_options):
        commands.append(command)
        return SimpleNamespace(returncode=statuses[len(commands) - 1])

    monkeypatch.setattr(subprocess, "run", run)

    assert tiers.main("all", "-k", "orders") == status
    assert len(commands) == 2
    assert all(command[-2:] == ["-k", "orders"] for command in commands)
