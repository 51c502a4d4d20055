import tomllib
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = dict(line.split(" ;")[0].split("==") for line in (CHECKOUT / "constraints.txt").read_text(encoding="utf-8").splitlines())
IN_STEP = [one for one in PROJECT["dependencies"] if one.startswith(("opentelemetry-distro", "opentelemetry-instrumentation"))]


@pytest.mark.parametrize("requirement", IN_STEP)
def test_packages_released_together_are_pinned(requirement):
    """Older pips find no solution while only some of them have a new version."""
    name, _, version = requirement.partition("==")
    assert version == PINNED[name]
