import sys
from collections import defaultdict
from itertools import chain

import pytest

SERVICES = {"auth_stub", "console", "observatory", "orders", "stock_updater"}
PROGRAMS = {"bench", "loadtest"}
NOT_IN_THE_RUNTIME = {"flask", "boto3", "botocore", "confluent_kafka", "opentelemetry"}


def _is_within(name, package):
    return name == package or name.startswith(f"{package}.")


def _wrong(modules, whose, allowed):
    known = set(modules)
    ours = {"vshop", *SERVICES, *PROGRAMS}
    return sorted(
        f"{module.path} imports {target}"
        for module in modules.values()
        if whose(module)
        for target in module.imports(known)
        if target.split(".")[0] in ours and not allowed(module, target)
    )


def test_a_service_imports_itself_and_the_kit(modules):
    """The console is a client, and imports more (docs/adr/0008)."""
    may = {"console": ("vshop.kit", "vshop.shop", "vshop.incidents")}

    def allowed(module, target):
        return any(_is_within(target, package) for package in (module.top, *may.get(module.top, ("vshop.kit",))))

    assert _wrong(modules, lambda module: module.top in SERVICES, allowed) == []


def test_the_package_imports_no_service(modules):
    assert _wrong(modules, lambda module: module.top == "vshop", lambda _, target: _is_within(target, "vshop")) == []


def test_the_kit_imports_nothing_else_of_the_package(modules):
    assert (
        _wrong(
            modules,
            lambda module: _is_within(module.name, "vshop.kit"),
            lambda _, target: target == "vshop" or _is_within(target, "vshop.kit"),
        )
        == []
    )


@pytest.mark.parametrize("edge", ["vshop.cli", "vshop._pytest_plugin"])
def test_nothing_imports_an_edge(modules, edge):
    assert _wrong(modules, lambda module: not _is_within(module.name, edge), lambda _, target: not _is_within(target, edge)) == []


def test_bench_and_loadtest_import_neither_services_nor_the_command_line(modules, programs):
    def allowed(module, target):
        is_edge = any(_is_within(target, edge) for edge in ("vshop.cli", "vshop._pytest_plugin"))
        return target.split(".")[0] in {"vshop", "loadtest", module.top} and not is_edge

    everything = modules | programs

    assert _wrong(everything, lambda module: module.top in PROGRAMS, allowed) == []
    assert _wrong(everything, lambda module: module.top not in PROGRAMS, lambda _, name: name.split(".")[0] not in PROGRAMS) == []


def test_locustfile_imports_nothing_of_the_project(modules, programs):
    imported = programs["loadtest.locustfile"].imports({*modules, *programs})

    assert {name.split(".")[0] for name in imported} & {"vshop", *SERVICES, *PROGRAMS} == set()


def test_the_runtime_needs_no_library_of_the_services(modules, graph):
    reached = {name for name in modules if _is_within(name, "vshop.runtime")}
    todo = list(reached)
    while todo:
        for target in graph[todo.pop()] - reached:
            reached.add(target)
            todo.append(target)

    wrong = sorted(
        f"{modules[name].path} imports {target}"
        for name in reached
        for target in modules[name].imports(set(modules))
        if target.split(".")[0] in NOT_IN_THE_RUNTIME
    )
    assert wrong == []


def test_there_are_no_cycles(graph):
    assert _cycles(graph) == []


def test_there_are_no_cycles_between_the_packages_in_vshop(graph):
    between = defaultdict(set)
    for name, targets in graph.items():
        for target in targets:
            if _is_within(name, "vshop") and target.startswith("vshop."):
                between[".".join(name.split(".")[:2])].add(".".join(target.split(".")[:2]))

    assert _cycles({name: between.get(name, set()) for name in {*between, *chain(*between.values())}}) == []


def _cycles(graph):
    done, path, cycles = set(), [], []

    def visit(name):
        if name in path:
            cycles.append(" -> ".join([*path[path.index(name) :], name]))
        elif name not in done:
            path.append(name)
            for target in sorted(graph[name] - {name}):
                visit(target)
            path.pop()
            done.add(name)

    for name in sorted(graph):
        visit(name)
    return cycles


def test_the_rules_see_the_imports(modules, graph):
    """Known imports are found, so an empty list above means something."""
    assert "vshop.kit.settings" in graph["orders.auth"]
    assert "vshop.kit.http.health" in graph["orders.app"]
    assert "flask" in modules["orders.app"].imports(set(modules))
    assert {module.top for module in modules.values()} - {"vshop"} == SERVICES
    assert set(sys.stdlib_module_names).isdisjoint(SERVICES)
