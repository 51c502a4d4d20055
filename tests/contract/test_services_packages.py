import re
import tomllib
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from vshop.runtime.local.services_packages import pinned

PROJECT = Path(__file__).parents[2]
CONSTRAINTS = dict(re.findall(r"^([\w-]+)==(\S+)", (PROJECT / "constraints.txt").read_text(), re.MULTILINE))
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]


def closure(requirements: list[str]) -> set[str]:
    names: set[str] = set()
    waiting = list(requirements)
    while waiting:
        name = re.split(r"[\s;<>=!~(\[]", waiting.pop())[0].lower().replace("_", "-")
        if name not in names:
            with suppress(PackageNotFoundError):  # of another system
                waiting += [one for one in requires(name) or [] if "extra ==" not in one]
                names.add(name)
    return names


def test_the_list_is_current_and_complete():
    extras = PYPROJECT["optional-dependencies"]
    own = closure(PYPROJECT["dependencies"])
    needed = closure(extras["services"] + [one for one in extras["zero-code"] if not one.startswith("virtual-shop")])
    names = {name for name in needed if name not in own or name.startswith("opentelemetry-")}

    assert pinned() == [f"{name}=={CONSTRAINTS[name]}" for name in sorted(names)]


def test_the_package_alone_requires_no_sdk():
    names = closure(PYPROJECT["dependencies"])

    assert {name for name in names if name.startswith("opentelemetry-")} == {
        "opentelemetry-api",
        "opentelemetry-proto",
        "opentelemetry-semantic-conventions",
    }
