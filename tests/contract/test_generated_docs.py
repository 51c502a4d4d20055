import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
assert _spec is not None
assert _spec.loader is not None
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)


@pytest.mark.parametrize("name", generate.PAGES)
def test_page_has_not_drifted(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == generate.PAGES[name](), f"{name} has drifted: run `make docs`"
