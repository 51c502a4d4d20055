import ast
import json
import os
import subprocess
import sys

import pytest

SERVICES = ("auth_stub", "console", "observatory", "orders", "stock_updater")

# Prints the threads, sockets and processes that each module leaves.
PROBE = """
import importlib, json, sys, threading
import psutil
left = {}
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
    threads = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    sockets = [str(one.laddr) for one in psutil.Process().net_connections()]
    children = psutil.Process().children()
    if threads or sockets or children:
        left[name] = [threads, sockets, [str(child) for child in children]]
print(json.dumps(left))
"""


def test_an_import_leaves_neither_thread_nor_socket_nor_process(root, modules):
    names = [name for name in modules if name.startswith("vshop.kit") or name.split(".")[0] in SERVICES]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("SHOP_", "OTEL_", "AWS_"))}
    env["PYTHONPATH"] = os.pathsep.join([str(root / "services"), str(root / "src")])

    done = subprocess.run(
        [sys.executable, "-P", "-c", PROBE, json.dumps(names)], env=env, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {}
    assert len(names) > 40


def _at_import(tree):
    todo = list(tree.body)
    while todo:
        node = todo.pop()
        yield node
        for field, value in ast.iter_fields(node):
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and field == "body"
            guarded = isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
            if not inside and not guarded:
                todo += [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, ast.AST)]


def _reads_environment(node):
    text = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Call) else ""
    return text.startswith(("os.environ", "os.getenv", "getenv(", "load(", "settings.load("))


@pytest.mark.parametrize("package", ["vshop", *SERVICES])
def test_an_import_reads_no_environment(modules, package):
    wrong = sorted(
        f"{module.path}:{node.lineno}: {ast.unparse(node)}"
        for module in modules.values()
        if module.top == package
        for node in _at_import(module.tree)
        if _reads_environment(node)
    )

    assert wrong == []


def test_the_rule_sees_what_runs_at_import():
    text = """
class A:
    b = os.environ["1"]
def f(c=os.getenv("2")):
    return os.environ["no"]
if x:
    d = load()
if __name__ == "__main__":
    load("no")
"""
    seen = {ast.unparse(node) for node in _at_import(ast.parse(text)) if _reads_environment(node)}

    assert seen == {"os.environ", "os.getenv('2')", "os.getenv", "load()"}
