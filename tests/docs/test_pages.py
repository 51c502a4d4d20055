import ast
import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest
import typer

pytestmark = pytest.mark.timeout(300)  # seconds, on a busy machine


def _beside(name):
    spec = importlib.util.spec_from_file_location(f"docs_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


pages, matching = _beside("pages"), _beside("matching")
BLOCKS = [block for page in pages.pages() for block in pages.blocks(page)]
RUN = [block for block in BLOCKS if block.language in {"console", "python"} and not block.not_run]

# Each block is marked in its page by `<!-- not run: reason -->`.
NOT_RUN = {
    ("README.md", "it is what runs this"),
    ("CONTRIBUTING.md", "it is what runs this, and would write the pages"),
    ("docs/backends.md", "needs a backend; tests/docker/test_recipes.py runs it"),
    ("docs/fixture.md", "tests/wheel installs the built wheel"),
    ("docs/kubernetes.md", "needs a cluster; tests/k8s holds the manifests against an API server"),
    ("docs/workshop/attendee.md", "the answer is the reader's; host.md gives it, and is run"),
    ("docs/workshop/attendee.md", "it would stop the shop that the other blocks use; tests/embedded/test_stopping.py covers it"),
    ("examples/README.md", "tests/wheel runs every example, in an environment of its own"),
}


@pytest.mark.parametrize("block", [one for one in RUN if one.language == "console"], ids=str)
def test_a_page_shows_what_happens(reader, block):
    steps = pages.steps(block)
    if block.before:
        reader.type(block.before.split("; "))

    ran = reader.type([step.command for step in steps])

    assert len(ran) == len(steps), f"only {len(ran)} of {len(steps)} commands ended"
    for step, (status, printed) in zip(steps, ran, strict=True):
        if step.shown.strip():
            assert matching.matches(step.shown, printed), f"$ {step.command}\nthe page shows:\n{step.shown}\nseen was:\n{printed}"
        else:
            assert status == 0, f"$ {step.command}\nended with {status}:\n{printed}"


ID_CUT_OFF = re.compile(r"[0-9a-f]{4}-?[0-9a-f]*…|(?:queuing|retail|new_ord|DynamoDB|POST|stock|orders|auth)[\w./-]*…")


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/workshop/attendee.md"])
def test_a_page_can_be_followed_in_a_terminal_of_80_columns(reader, monkeypatch, page):
    """No id, name of a span or name of an incident that has to be copied is cut off."""
    monkeypatch.setattr(reader, "columns", 80)
    for block in [one for one in RUN if one.language == "console" and str(one).startswith(page)]:
        steps = pages.steps(block)
        ran = reader.type(
            [*block.before.split("; "), *(step.command for step in steps)] if block.before else [s.command for s in steps]
        )
        for step, (status, printed) in zip(steps, ran[-len(steps) :], strict=True):
            assert status == 0 or step.shown, f"$ {step.command}\nended with {status}:\n{printed}"
            assert not ID_CUT_OFF.search(printed), f"$ {step.command}\n{printed}"
            if step.command.startswith("vshop order") and status == 0:
                assert re.search(r"^202 order [0-9a-f-]{36}$", printed, re.MULTILINE), printed


@pytest.mark.parametrize("block", [one for one in RUN if one.language == "python"], ids=str)
def test_python_on_a_page_runs(reader, block):
    before = "import my_tool\n" if "my_tool" in block.text else ""

    ran = reader.run_python(before + block.text)

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_block_that_is_not_run_has_a_known_reason():
    assert {(block.page, block.not_run) for block in BLOCKS if block.not_run} == NOT_RUN


def test_a_block_is_of_a_language_that_is_run():
    """YAML is data; Mermaid and blocks without a language are drawings."""
    assert {block.language for block in BLOCKS} <= {"console", "python", "yaml", "mermaid", ""}


def test_drawings_hold_no_commands():
    drawings = [block for block in BLOCKS if not block.language]

    assert [
        str(block) for block in drawings if re.search(r"^\s*(\$ )?(vshop|make|docker|curl|pip) ", block.text, re.MULTILINE)
    ] == []


@pytest.mark.parametrize("page", [*pages.pages(), "docs/incidents.md"])
def test_a_command_that_is_named_exists_with_its_options(page):
    targets = set(re.findall(r"^([a-z0-9-]+):", (pages.ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    wrong = []
    for command in pages.inline_commands(page):
        program, *words = shlex.split(command)
        if program == "make":
            wrong += [command for word in words if "=" not in word and word not in targets]
        elif not _exists(words):
            wrong.append(command)

    assert wrong == []


def _exists(words):
    from vshop.cli import app  # noqa: PLC0415

    command = typer.main.get_command(app)
    options = set()
    for word in words:
        if hasattr(command, "commands") and not word.startswith("-"):
            command = command.commands.get(word)
            if command is None:
                return False
            command = command.load() if hasattr(command, "load") else command
        elif word.startswith("-"):
            options.add(word.split("=")[0])
    known = {name for parameter in getattr(command, "params", []) for name in parameter.opts}
    return options <= known | {"--help"}


def test_python_on_a_page_can_be_parsed():
    for block in BLOCKS:
        if block.language == "python":
            ast.parse(block.text)
