import ast

import pytest

MAX_LINES = 300
MAX_FUNCTION_LINES = 50

# Exceptions, with reasons.
LONGER: dict[str, str] = {}


@pytest.fixture(scope="session")
def sources(root):
    return {
        str(path.relative_to(root)): path.read_text(encoding="utf-8")
        for base in ("src", "services", "tests", "examples", "loadtest", "bench")
        for path in sorted((root / base).rglob("*.py"))
    }


def _functions(sources):
    for path, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path} {node.name}", node.end_lineno - node.lineno + 1


def test_no_file_is_too_long(sources):
    lines = {path: len(text.splitlines()) for path, text in sources.items()}

    assert {path: count for path, count in lines.items() if count > MAX_LINES and path not in LONGER} == {}


def test_no_function_is_too_long(sources):
    assert {name: count for name, count in _functions(sources) if count > MAX_FUNCTION_LINES and name not in LONGER} == {}


def test_no_exception_is_left_over(sources):
    long = {name for name, count in _functions(sources) if count > MAX_FUNCTION_LINES}
    long |= {path for path, text in sources.items() if len(text.splitlines()) > MAX_LINES}

    assert LONGER.keys() - long == set()
