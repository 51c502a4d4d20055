"""The names of all attributes that the conventions know, read from the package ``opentelemetry-semantic-conventions``."""

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path

_PACKAGE = "opentelemetry.semconv"
_OWN = ("shop.",)
"""Our own namespace; docs/contract.md says what is in it."""


@cache
def _names() -> dict[str, str | None]:
    """Return every name, with why it is deprecated, or None."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{_PACKAGE} is not installed: pip install opentelemetry-semantic-conventions.")
    found: dict[str, str | None] = {}
    for file in sorted(Path(spec.origin).parent.glob("**/attributes/*_attributes.py")):
        found |= _read(file)
    return found


def _read(file: Path) -> dict[str, str | None]:
    # Deprecation stands in the text below each name; at run time only the names are left.
    body = ast.parse(file.read_text(encoding="utf-8")).body
    found: dict[str, str | None] = {}
    for node, below in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            said = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else ""
            text = str(said).strip()
            found[node.value.value] = text.partition("\n")[0] if text.startswith("Deprecated:") else None
    return found


def known(name: str) -> bool:
    """Tell whether the conventions, or this shop, define an attribute."""
    return name.startswith(_OWN) or name in _names()


def deprecated(name: str) -> str | None:
    """Return why an attribute is deprecated; None when it is not."""
    return _names().get(name)
