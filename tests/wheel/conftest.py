"""The built wheel in a virtual environment of its own: what a user gets, without anything of this checkout."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

CHECKOUT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")


class Installed(NamedTuple):
    """Where it is installed."""

    python: Path
    folder: Path

    def run(self, *command: str, timeout: int = 200, **env: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs in a folder outside the checkout, with a bare environment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VSHOP_", "SHOP_", "PYTEST"))}
        home = {"VSHOP_HOME": str(self.folder / "home")}
        path = {"PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}"}
        return subprocess.run(
            command, cwd=self.folder, env=kept | home | path | env, capture_output=True, text=True, timeout=timeout, check=False
        )

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run its pytest; what fails is shown."""
        ran = self.run(str(self.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)
        assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
        return ran


def uv(*arguments: str) -> None:
    """Run uv; what fails is shown."""
    ran = subprocess.run([str(UV), *arguments], cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build it."""
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--quiet", "--wheel", "--out-dir", str(folder), ".")
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install it, with pytest and nothing else; compiled, as pip does it."""
    folder = tmp_path_factory.mktemp("elsewhere")
    python = folder / "venv" / "bin" / "python"
    uv("venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
    constraints = str(CHECKOUT / "constraints.txt")
    uv("pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), "-c", constraints, str(wheel), "pytest")
    (folder / "conftest.py").write_text(GUARD.format(checkout=str(CHECKOUT)), encoding="utf-8")
    return Installed(python, folder)


GUARD = '''
"""Fails the session if anything was loaded from the checkout."""

import sys


def pytest_sessionfinish(session):
    """Look where every module came from."""
    files = [str(getattr(module, "__file__", None) or "") for module in list(sys.modules.values())]
    found = [file for file in files if file.startswith({checkout!r} + "/")]
    assert not found, found
'''

Copy = Callable[[str], str]


@pytest.fixture
def example(installed: Installed) -> Copy:
    """Copy an example to where the checkout is not; return its name."""

    def copy(name: str) -> str:
        target = installed.folder / name
        target.write_bytes((CHECKOUT / "examples" / name).read_bytes())
        target.chmod(0o755)
        return name

    return copy
