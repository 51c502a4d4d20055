"""The generated pages are what the code would write now."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
_spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
assert _spec is not None
assert _spec.loader is not None
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)


@pytest.mark.parametrize("name", generate.PAGES)
def test_page_has_not_drifted(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == generate.PAGES[name](), f"docs/{name} has drifted: run `make docs`"


def test_the_table_of_incidents_has_not_drifted() -> None:
    assert (DOCS.parent / "README.md").read_text(encoding="utf-8") == generate.readme(), "README.md has drifted: run `make docs`"
