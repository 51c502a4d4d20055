"""One shop for all pages. Commands find it by its state; the default ports on pages are replaced by its own."""

import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from vshop.cli import main, output
from vshop.runtime.local.shop import Shop
from vshop.runtime.model.parts import PARTS

ROOT = Path(__file__).parents[2]
NO = subprocess.DEVNULL
DEFAULTS = {name: number for part in PARTS for name, number in part.ports.items()}
# The packages that make would install first are there.
PRELUDE = 'make() { command make --old-file="$VENV/.run" --old-file="$VENV/.dev" --no-print-directory "$@"; }\n'


class Reader:
    def __init__(self, shop: Shop, folder: Path) -> None:
        self._ports = {DEFAULTS[name]: number for name, number in shop.state.ports.items() if name in DEFAULTS}
        self._folder = folder
        self.trace_id = ""
        self.columns = 120
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SHOP_", "OTEL_", "VSHOP_"))}
        self.env = kept | {
            "VSHOP_HOME": shop.state.home,
            "VENV": sys.prefix,
            "PATH": f"{sys.prefix}/bin{os.pathsep}{kept['PATH']}",
            "PYTHONUNBUFFERED": "1",  # keeps stdout and stderr in order
            "SHOP_KAFKA_BOOTSTRAP": shop.addresses["kafka"],
            "OTEL_EXPORTER_OTLP_ENDPOINT": shop.addresses["otlp"],
        }

    def type(self, commands: list[str]) -> list[tuple[int, str]]:
        said = []
        for command in commands:
            typed = self._own_ports(command)
            # In this process, a vshop command takes a tenth of the time.
            status, text = self._ours(typed) if re.fullmatch(r"vshop [\w\s./=-]+", typed) else self._any(typed)
            ids = re.findall(r"^trace ([0-9a-f]{32})\b", text, re.MULTILINE)
            self.trace_id = ids[-1] if ids else self.trace_id
            said.append((status, self._default_ports(text)))
        return said

    def _ours(self, command: str) -> tuple[int, str]:
        printed = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed), redirect_stderr(printed):
            for name, value in (self.env | {"COLUMNS": str(self.columns)}).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", shlex.split(command))
            patch.setattr(output.out, "width", self.columns)
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
            env=self.env | {"COLUMNS": str(self.columns)},
            text=True,
            timeout=250,
            check=False,
        )
        return ran.returncode, ran.stdout

    def run_python(self, text: str) -> subprocess.CompletedProcess[str]:
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


@pytest.fixture(scope="module")
def reader(shared_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    folder = tmp_path_factory.mktemp("blocks")
    (folder / "my_tool.py").write_text((Path(__file__).with_name("my_tool.py")).read_text(encoding="utf-8"), encoding="utf-8")
    return Reader(shared_shop, folder)
