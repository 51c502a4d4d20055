import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from vshop.runtime.local.shop import Shop
from vshop.runtime.model import folders

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc, in which nobody can write")

Vshop = Callable[..., subprocess.CompletedProcess[str]]
NOBODY = "/proc/nobody"


@pytest.fixture
def vshop(tmp_path: Path) -> Vshop:
    """Run a command with variables, in which ``{home}`` is a new folder; None removes one."""

    def run(*words: str, **changed: str | None) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SHOP_", "OTEL_", "XDG_"))}
        variables = kept | {"VSHOP_AOT": "0", "PYTHONWARNINGS": "error"} | {name: value or "" for name, value in changed.items()}
        env = {name: value.format(home=tmp_path) for name, value in variables.items() if value}
        command = [Path(sys.executable).with_name("vshop"), *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=150, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"HOME": NOBODY, "VSHOP_HOME": None}, f"The folder {NOBODY}/.local/state/vshop cannot be used"),
        ({"VSHOP_HOME": NOBODY}, f"The folder {NOBODY} cannot be used"),
        ({"VSHOP_HOME": "{home}/file"}, "/file is not a folder"),
        ({"VSHOP_HOME": "{home}/odd"}, "/odd/dynamodb.json cannot be used: Is a directory"),
        ({"VSHOP_HOME": "{home}/own", "VSHOP_CACHE": f"{NOBODY}/cache"}, f"The folder {NOBODY}/cache cannot be used"),
    ],
    ids=["home directory", "VSHOP_HOME", "file", "file of the home", "cache"],
)
def test_up_names_the_variable(vshop: Vshop, tmp_path: Path, changed: dict[str, str | None], sentence: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "odd" / "dynamodb.json").mkdir(parents=True)

    refused = vshop("up", "--free-ports", **changed)

    last = refused.stderr.strip().splitlines()[-1]
    assert refused.returncode == 1
    assert sentence in last
    assert f"Set {'VSHOP_CACHE' if 'VSHOP_CACHE' in changed else 'VSHOP_HOME'} to a folder that you can write to." in last


@pytest.mark.parametrize("words", [("status",), ("order",), ("down",), ("exercise", "status")])
def test_other_commands_say_that_no_shop_runs(vshop: Vshop, words: tuple[str, ...]) -> None:
    absent = {f"VSHOP_{name}_URL": "http://127.0.0.1:9" for name in ("ORDERS", "AUTH", "STOCK", "CONSOLE", "TRACES", "OBSERVATORY")}

    done = vshop(*words, HOME=NOBODY, VSHOP_HOME=None, **absent)

    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_shop_starts_and_orders_without_a_home_directory(vshop: Vshop, tmp_path: Path) -> None:
    """PYTHONWARNINGS=error: no warning either. The downloads of the user are used."""
    where = {"HOME": NOBODY, "VSHOP_HOME": "{home}/own", "VSHOP_CACHE": str(folders.cache())}
    up = vshop("up", "--free-ports", **where)
    try:
        assert up.returncode == 0, up.stderr
        assert "Warning" not in up.stderr
        assert vshop("order", **where).stdout.startswith("202 order ")
        restarted = vshop("restart", "auth-stub", **where)
        assert (restarted.returncode, "Warning" in restarted.stderr) == (0, False)
    finally:
        assert vshop("down", **where).returncode == 0
    assert Shop.running(str(tmp_path / "own")) is None
