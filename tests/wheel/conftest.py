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
    python: Path
    folder: Path

    def run(self, *command: str, timeout: int = 200, **env: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VSHOP_", "SHOP_", "PYTEST"))}
        home = {"VSHOP_HOME": str(self.folder / "home")}
        path = {"PATH": f"{self.python.parent}{os.pathsep}{os.environ['PATH']}"}
        return subprocess.run(
            command, cwd=self.folder, env=kept | home | path | env, capture_output=True, text=True, timeout=timeout, check=False
        )

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        ran = self.run(str(self.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)
        assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
        return ran


def uv(proxies: dict[str, str], *arguments: str) -> None:
    env = os.environ | proxies
    ran = subprocess.run([str(UV), *arguments], cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]


@pytest.fixture(scope="session")
def wheel(proxies: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    uv(proxies, "build", "--quiet", "--wheel", "--out-dir", str(folder), ".")
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel: Path, proxies: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("elsewhere")
    python = folder / "venv" / "bin" / "python"
    uv(proxies, "venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
    constraints = str(CHECKOUT / "constraints.txt")
    uv(proxies, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python), "-c", constraints, str(wheel), "pytest")
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
    def copy(name: str) -> str:
        target = installed.folder / name
        target.write_bytes((CHECKOUT / "examples" / name).read_bytes())
        target.chmod(0o755)
        return name

    return copy
