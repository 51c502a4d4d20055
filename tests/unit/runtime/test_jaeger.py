"""Which Jaeger is meant, and how the shop is told of it."""

from pathlib import Path

import pytest

from vshop.runtime import environment, jaeger
from vshop.runtime.errors import JaegerError
from vshop.runtime.options import Options
from vshop.runtime.parts import NAMES, chosen
from vshop.runtime.progress import Event, silent


def program(folder: Path, says: str) -> Path:
    """Make a program that answers anything with a line."""
    file = folder / "jaeger"
    file.write_text(f"#!/bin/sh\necho '{says}'\n")
    file.chmod(0o755)
    return file


def test_a_jaeger_2_becomes_a_part(tmp_path: Path) -> None:
    """Given by its path."""
    file = program(tmp_path, '{"gitVersion": "v2.13.0"}')
    settled = jaeger.settle(Options(jaeger=str(file)), silent)
    assert (settled.jaeger, settled.parts) == (str(file), (*NAMES, "jaeger"))


@pytest.mark.parametrize(
    ("says", "problem"),
    [('{"gitVersion": "v1.76.0"}', "it is version v1.76.0, not 2"), ("hello", "does not answer `version` as Jaeger does")],
)
def test_another_program_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, problem: str) -> None:
    """Asked for, it is refused with what to do; found, it is left alone and said so."""
    file = program(tmp_path, says)
    with pytest.raises(JaegerError, match=f"{problem}. Give the path of a Jaeger 2 program"):
        jaeger.settle(Options(jaeger=str(file)), silent)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    events: list[Event] = []
    assert jaeger.settle(Options(jaeger="auto"), events.append).jaeger == "none"
    assert [problem in event.detail for event in events] == [True]


def test_a_path_to_nothing(tmp_path: Path) -> None:
    """The error says why it cannot be run."""
    with pytest.raises(JaegerError, match="it cannot be run: No such file or directory"):
        jaeger.settle(Options(jaeger=str(tmp_path / "jaeger")), silent)


def test_beside_a_jaeger_the_observatory_has_one_port() -> None:
    """Services send to Jaeger, Jaeger to the observatory, whose one port is for both of its doors."""
    options = Options(jaeger="/opt/jaeger", parts=(*NAMES, "jaeger"))
    numbers = {name: number for part in chosen(options.parts) for name, number in part.ports.items()}
    env = environment.build(options, numbers, "run", {})
    assert (numbers["jaeger"], numbers["otlp"], numbers["query"]) == (16686, 4318, 16687)
    assert (env["SHOP_OTLP_PORT"], env["SHOP_QUERY_PORT"]) == ("16687", "16687")
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    assert env["SHOP_TRACE_URL"] == "http://127.0.0.1:16686/trace/{traceId}"


@pytest.mark.parametrize(
    ("own", "told"), [({}, "http://traces.local:4318"), ({"SHOP_FORWARD": "http://other:4319"}, "http://other:4319")]
)
def test_a_jaeger_elsewhere_gets_what_the_observatory_hands_on(own: dict[str, str], told: str) -> None:
    """Links lead to its page; its OTLP port is the usual one unless SHOP_FORWARD says otherwise."""
    options = jaeger.settle(Options(jaeger="http://traces.local:16686/"), silent)
    numbers = {name: number for part in chosen(options.parts) for name, number in part.ports.items()}
    env = environment.build(options, numbers, "run", own)
    assert (env["SHOP_FORWARD"], env["SHOP_TRACE_URL"]) == (told, "http://traces.local:16686/trace/{traceId}")
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
