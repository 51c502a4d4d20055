from pathlib import Path

import pytest

from vshop.runtime.backends import jaeger
from vshop.runtime.model.errors import JaegerError
from vshop.runtime.model.options import Options
from vshop.runtime.model.parts import NAMES
from vshop.runtime.model.progress import Event, silent


def program(folder: Path, prints: str) -> Path:
    file = folder / "jaeger"
    file.write_text(f"#!/bin/sh\necho '{prints}'\n")
    file.chmod(0o755)
    return file


def test_a_jaeger_2_becomes_a_part(tmp_path: Path) -> None:
    file = program(tmp_path, '{"gitVersion": "v2.13.0"}')
    settled = jaeger.resolve(Options(jaeger=str(file)), silent)
    assert (settled.jaeger, settled.parts) == (str(file), (*NAMES, "jaeger"))


@pytest.mark.parametrize(
    ("prints", "problem"),
    [('{"gitVersion": "v1.76.0"}', "it is version v1.76.0, not 2"), ("hello", "`version` does not print what Jaeger prints")],
)
def test_unusable_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prints: str, problem: str) -> None:
    file = program(tmp_path, prints)
    with pytest.raises(JaegerError, match=f"{problem}. Give the path of a Jaeger 2 program"):
        jaeger.resolve(Options(jaeger=str(file)), silent)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    events: list[Event] = []
    assert jaeger.resolve(Options(jaeger="auto"), events.append).jaeger == "none"
    assert [problem in event.detail for event in events] == [True]


def test_missing_program(tmp_path: Path) -> None:
    with pytest.raises(JaegerError, match="it cannot be run: No such file or directory"):
        jaeger.resolve(Options(jaeger=str(tmp_path / "jaeger")), silent)
