"""One shop for all pages: commands find it by its state, and the default ports that pages name are turned into its own."""

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from vshop.addresses import find
from vshop.cli import main, output
from vshop.client import ShopClient
from vshop.reset import reset
from vshop.runtime.options import Options
from vshop.runtime.parts import PARTS
from vshop.runtime.shop import Shop

ROOT = Path(__file__).parents[2]
NO = subprocess.DEVNULL
DEFAULTS = {name: number for part in PARTS for name, number in part.ports.items()}
# The environment is as it is: whatever make would install first is there, or the tests would not run.
PRELUDE = 'make() { command make --old-file="$VENV/.run" --old-file="$VENV/.dev" --no-print-directory "$@"; }\n'


class Reader:
    """Somebody who follows a page: types its commands, and copies the trace's id where the page says so."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        self._ports = {DEFAULTS[name]: number for name, number in shop.state.ports.items() if name in DEFAULTS}
        self._folder = folder
        self.trace_id = ""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SHOP_", "OTEL_", "VSHOP_"))}
        self.env = kept | {
            "VSHOP_HOME": shop.state.home,
            "VENV": sys.prefix,
            "PATH": f"{sys.prefix}/bin{os.pathsep}{kept['PATH']}",
            "PYTHONUNBUFFERED": "1",  # else a refusal on stderr comes before what stdout said earlier
            "COLUMNS": "120",
            "SHOP_KAFKA_BOOTSTRAP": shop.addresses["kafka"],
            "OTEL_EXPORTER_OTLP_ENDPOINT": shop.addresses["otlp"],
        }

    def type(self, commands: list[str]) -> list[tuple[int, str]]:
        """Run commands one after the other at the top of the project.

        Returns:
            The exit status and the output of each; the addresses in it are those of a shop on the default ports.
        """
        said = []
        for command in commands:
            typed = self._own_ports(command)
            # Most are ours alone: run in this process they take a tenth of the time.
            status, text = self._ours(typed) if re.fullmatch(r"vshop [\w\s./=-]+", typed) else self._any(typed)
            ids = re.findall(r"^trace ([0-9a-f]{32})\b", text, re.MULTILINE)
            self.trace_id = ids[-1] if ids else self.trace_id
            said.append((status, self._default_ports(text)))
        return said

    def _ours(self, command: str) -> tuple[int, str]:
        printed = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(printed):
            for name, value in self.env.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", shlex.split(command))
            patch.setattr(output.out, "width", 120)
            try:
                main()
            except SystemExit as end:
                return int(end.code or 0), printed.getvalue()
        return 0, printed.getvalue()

    def _any(self, command: str) -> tuple[int, str]:
        ran = subprocess.run(
            ["bash", "-c", PRELUDE + command],
            stdin=NO,
            stdout=-1,
            stderr=-2,
            cwd=ROOT,
            env=self.env,
            text=True,
            timeout=250,
            check=False,
        )
        return ran.returncode, ran.stdout

    def run_python(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run a block of Python: by pytest, attached to the shop, where it holds a test."""
        file = self._folder / "test_block.py"
        file.write_text(text, encoding="utf-8")
        attached = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--vshop-home={self.env['VSHOP_HOME']}", "--rootdir=."]
        command = [sys.executable, *(attached if "def test_" in text else []), file.name]
        return subprocess.run(command, cwd=self._folder, env=self.env, text=True, capture_output=True, timeout=250, check=False)

    def _own_ports(self, command: str) -> str:
        for default, own in self._ports.items():
            command = re.sub(rf"(?<=127\.0\.0\.1:){default}\b", str(own), command)
        return command.replace("<trace id>", self.trace_id)

    def _default_ports(self, text: str) -> str:
        for default, own in self._ports.items():
            text = re.sub(rf"(?<=127\.0\.0\.1:){own}\b", str(default), text)
        return text


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop that the pages speak of."""
    home = str(tmp_path_factory.mktemp("pages"))
    with Shop.start(Options(free_ports=True, home=home, timeout_s=100)) as running:
        yield running


@pytest.fixture(scope="module")
def reader(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """Somebody who follows the pages, beginning with a clean shop."""
    reset(ShopClient(find(shop.state.home, {})))
    folder = tmp_path_factory.mktemp("blocks")
    (folder / "my_tool.py").write_text((Path(__file__).with_name("my_tool.py")).read_text(encoding="utf-8"), encoding="utf-8")
    return Reader(shop, folder)
