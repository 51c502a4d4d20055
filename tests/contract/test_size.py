"""A reader manages each file in one sitting."""

import ast

import pytest

MAX_LINES = 250
MAX_FUNCTION_LINES = 50

# What may be longer, and why.
LONGER = {
    "src/vshop/cli/order.py order": "a command's options are its parameters, each with its help",
    "src/vshop/cli/running.py up": "a command's options are its parameters, each with its help",
    "services/auth_stub/app.py create_app": "an application's views are functions inside the one that builds it",
    "services/orders/app.py create_app": "an application's views are functions inside the one that builds it",
    "services/stock_updater/app.py create_app": "an application's views are functions inside the one that builds it",
    "loadtest/locustfile.py": "stock Locust gets this one file alone, in a folder or a configMap",
    "loadtest/cli.py load": "a command's options are its parameters, each with its help",
    "services/stock_updater/consumer.py __init__": "its parts described, and the consumer's whole configuration in one place",
}


@pytest.fixture(scope="session")
def sources(root):
    """Every Python file of ours, as text, by its path."""
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
    """Or it stands above, with a reason."""
    lines = {path: len(text.splitlines()) for path, text in sources.items()}

    assert {path: count for path, count in lines.items() if count > MAX_LINES and path not in LONGER} == {}


def test_no_function_is_too_long(sources):
    """Or it stands above, with a reason."""
    assert {name: count for name, count in _functions(sources) if count > MAX_FUNCTION_LINES and name not in LONGER} == {}


def test_most_files_are_short(sources):
    """The median of the source files is about a hundred lines."""
    lines = sorted(len(text.splitlines()) for path, text in sources.items() if not path.startswith("tests/"))

    assert lines[len(lines) // 2] <= 110


def test_no_exception_is_left_over(sources):
    """One that is no longer needed is taken out again."""
    long = {name for name, count in _functions(sources) if count > MAX_FUNCTION_LINES}
    long |= {path for path, text in sources.items() if len(text.splitlines()) > MAX_LINES}

    assert LONGER.keys() - long == set()
