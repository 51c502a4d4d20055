import ast
import re

import msgspec
import pytest

from vshop.kit.settings import Settings, table

SERVICES = ("auth_stub", "console", "observatory", "orders", "stock_updater")
FIELDS = {field.name for field in msgspec.structs.fields(Settings)}
HOLDERS = {"settings", "_settings", "wanted", "load()"}  # names of Settings in the code


def _settings_read(module):
    holders = (node for node in ast.walk(module.tree) if isinstance(node, ast.Attribute) and node.attr in FIELDS)
    return {node.attr for node in holders if (ast.unparse(node.value).split(".")[-1]) in HOLDERS}


def _reached(graph, service):
    reached, todo = set(), [name for name in graph if name.split(".")[0] == service]
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += graph[name]
    return reached


def _table_column(text, pattern):
    return re.findall(rf"^\| `({pattern})` \|", text, re.MULTILINE)


@pytest.mark.parametrize("service", SERVICES)
def test_a_readme_lists_the_settings_its_service_reads(root, modules, graph, service):
    readme = (root / "services" / service / "README.md").read_text(encoding="utf-8")
    read = {f"SHOP_{field.upper()}" for name in _reached(graph, service) for field in _settings_read(modules[name])}

    listed = _table_column(readme, r"SHOP_\w+")

    assert sorted(listed) == sorted(read)


@pytest.mark.parametrize("service", SERVICES)
def test_a_readme_shows_the_defaults_that_hold(root, service):
    readme = (root / "services" / service / "README.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| `(SHOP_\w+)` \| *`?([^|`]*?)`? *\|", readme, re.MULTILINE))
    defaults = {variable: default for variable, _, default, _ in table()}

    told = {variable: "" if text.startswith("empty") else text for variable, text in shown.items()}
    assert told == {variable: defaults[variable] for variable in shown}


@pytest.mark.parametrize("service", SERVICES)
def test_a_readme_lists_the_chaos_sites_of_its_service(root, modules, service):
    readme = (root / "services" / service / "README.md").read_text(encoding="utf-8")
    sites = {
        node.args[0].value
        for module in modules.values()
        if module.top == service
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("chaos.on") and isinstance(node.args[0], ast.Constant)
    }

    assert sites <= set(re.findall(r"`([a-z-]+)`", readme))


def test_every_setting_is_documented(root):
    text = (root / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `SHOP_")}

    assert list(rows) == [variable for variable, *_ in table()]
    for variable, _, default, description in table():
        assert f"`{default}`" in rows[variable]
        assert description in rows[variable]


def test_every_setting_is_read_by_something(root, modules):
    read = {field for module in modules.values() for field in _settings_read(module)}

    assert FIELDS - read == set()


def test_every_client_of_kafka_takes_its_login(root):
    """Only one function configures Kafka's address, and it reads SHOP_KAFKA_PROPERTIES."""
    naming = [
        str(path.relative_to(root))
        for folder in ("services", "src/vshop/kit")
        for path in sorted((root / folder).rglob("*.py"))
        if "bootstrap.servers" in path.read_text(encoding="utf-8")
    ]

    assert naming == ["src/vshop/kit/kafka/connection.py"]
