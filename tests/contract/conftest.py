import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Module:
    def __init__(self, path: Path, root: Path) -> None:
        self.path = path.relative_to(ROOT)
        parts = path.relative_to(root).with_suffix("").parts
        self.is_package = parts[-1] == "__init__"
        self.name = ".".join(parts[:-1] if self.is_package else parts)
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text)

    @property
    def top(self) -> str:
        return self.name.split(".")[0]

    def imports(self, known: set[str]) -> set[str]:
        """Return the imported dotted names, without those for the type checker only."""
        found: set[str] = set()
        unseen = {id(node) for part in ast.walk(self.tree) if _is_for_types(part) for node in ast.walk(part)}
        for node in ast.walk(self.tree):
            if id(node) in unseen:
                continue
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                found |= {f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base for alias in node.names}
        return found

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.name.split(".") if self.is_package else self.name.split(".")[:-1]
        package = package[: len(package) - node.level + 1]
        return ".".join([*package, *filter(None, [node.module])])


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def modules() -> dict[str, Module]:
    found = [Module(path, ROOT / base) for base in ("src", "services") for path in sorted((ROOT / base).rglob("*.py"))]
    return {module.name: module for module in found}


@pytest.fixture(scope="session")
def programs() -> dict[str, Module]:
    found = [Module(path, ROOT) for base in ("bench", "loadtest") for path in sorted((ROOT / base).rglob("*.py"))]
    return {module.name: module for module in found}


@pytest.fixture(scope="session")
def graph(modules: dict[str, Module]) -> dict[str, set[str]]:
    known = set(modules)
    return {name: {target for target in module.imports(known) if target in known} for name, module in modules.items()}
