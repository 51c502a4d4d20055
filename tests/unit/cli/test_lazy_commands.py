import pytest
import typer
from typer.testing import CliRunner

from vshop.cli import COMMANDS, app


@pytest.mark.parametrize("name", COMMANDS)
def test_summary_is_first_line_of_the_commands_help(name):
    command = typer.main.get_command(app).commands[name].load()

    assert command.help.split("\n")[0] == COMMANDS[name][1]


def test_help_lists_every_command():
    listed = CliRunner().invoke(app, ["--help"]).output

    assert [name for name in COMMANDS if f" {name} " not in listed] == []


def _commands(command, path):
    for name, one in getattr(command, "commands", {}).items():
        yield from _commands(one, f"{path} {name}")
    if not hasattr(command, "commands"):
        yield path, [option for parameter in command.params for option in parameter.opts]


def test_every_command_prints_json():
    loaded = typer.main.get_command(app).commands
    found = [one for name in COMMANDS for one in _commands(loaded[name].load(), name)]

    assert len(found) > 30
    assert [name for name, options in found if "--json" not in options] == ["incidents docs"]  # writes a page


@pytest.mark.parametrize(
    ("words", "completed"),
    [("vshop jou", ["journal"]), ("vshop chaos o", ["on", "off"]), ("vshop up --fo", ["--forward", "--foreground"])],
)
def test_shell_completion_reaches_lazy_commands(words, completed):
    env = {"_VSHOP_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}

    printed = CliRunner().invoke(app, [], env=env, prog_name="vshop").output

    assert printed.split() == completed
