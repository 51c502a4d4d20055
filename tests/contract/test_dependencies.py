"""What the wheel asks for can be had by any pip."""

import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = dict(line.split(" ;")[0].split("==") for line in (CHECKOUT / "constraints.txt").read_text(encoding="utf-8").splitlines())
IN_STEP = [one for one in PROJECT["dependencies"] if one.startswith(("opentelemetry-distro", "opentelemetry-instrumentation"))]


@pytest.mark.parametrize("requirement", IN_STEP)
def test_what_goes_in_step_is_pinned(requirement):
    """A new version of one of them, with the others' not out yet, must not be looked for: older pips end without an answer."""
    name, _, version = requirement.partition("==")
    assert version == PINNED[name]
