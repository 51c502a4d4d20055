import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.metadata import Metadata

CHECKOUT = Path(__file__).parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA")))
    return Metadata.from_email(text, validate=True)


@pytest.fixture(scope="module")
def sdist(proxies, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "build", "--sdist", "--installer", "uv", "--outdir", str(folder), str(CHECKOUT)]
    ran = subprocess.run(command, env=os.environ | proxies, capture_output=True, text=True, timeout=200, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def test_metadata_is_valid_for_an_index(metadata):
    assert (metadata.name, str(metadata.version)) == (PROJECT["name"], PROJECT["version"])
    assert (metadata.license_expression, metadata.license_files) == ("Apache-2.0", ["LICENSE"])
    assert metadata.description_content_type == "text/markdown"
    assert metadata.description.startswith("# The virtual shop")
    assert metadata.summary == PROJECT["description"]


def test_the_versions_of_python_are_those_that_are_tested(metadata):
    workflow = (CHECKOUT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    tested = re.findall(r'"(3\.\d+)"', workflow.partition("python: [")[2].partition("]")[0])

    assert str(metadata.requires_python) == f">={tested[0]}"
    assert [one.rpartition(" ")[2] for one in metadata.classifiers if re.search(r":: 3\.\d+$", one)] == tested


def test_the_workflow_calls_targets_that_exist():
    workflow = (CHECKOUT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z0-9-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    ran = re.findall(r"- run: (.+)", workflow)
    assert {command.split()[0] for command in ran} == {"make"}
    assert {command.split()[1] for command in ran} <= targets


def test_the_version_is_said_once(metadata):
    ran = subprocess.run([sys.executable, "-m", "vshop.cli", "--version"], capture_output=True, text=True, timeout=60, check=True)

    assert ran.stdout.strip() == f"vshop {metadata.version}"


def test_source_distribution_is_complete(sdist):
    assert {
        "pyproject.toml",
        "hatch_build.py",
        "constraints.txt",
        "Makefile",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "src/vshop/py.typed",
        "services/orders/__main__.py",
        "docs/workshop/attendee.md",
        "tests/conftest.py",
        "examples/test_01_one_trace_per_order.py",
    } <= sdist
    left = re.compile(r"(^|/)(\.venv|dist|artifacts|__pycache__|\.mypy_cache|\.pytest_cache)(/|$)|\.pyc$")
    assert [name for name in sdist if left.search(name)] == []


def test_published_files_hold_no_path_of_this_machine(wheel):
    with zipfile.ZipFile(wheel) as archive:
        records = [name for name in archive.namelist() if name.endswith(("METADATA", "RECORD", "WHEEL"))]
        text = "".join(archive.read(name).decode() for name in records)

    assert str(CHECKOUT) not in text
