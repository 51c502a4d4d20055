import json
import subprocess
import sys

import pytest

MEASURE = """
import json, sys, time
import pytest
before = set(sys.modules)
started = time.perf_counter()
import vshop._pytest_plugin
took = time.perf_counter() - started
print(json.dumps({"ms": took * 1000, "modules": sorted(set(sys.modules) - before)}))
"""


def load():
    command = [sys.executable, "-c", MEASURE]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)


def test_plugin_imports_nothing_of_the_shop():
    assert load()["modules"] == ["vshop", "vshop._pytest_plugin"]


@pytest.mark.timing
def test_loading_it_takes_less_than_20_ms(budget):
    quickest_ms = min(load()["ms"] for _ in range(5))

    assert quickest_ms < budget(0.02) * 1000


def test_plugin_can_be_disabled(pytester):
    pytester.makepyfile("def test_it(virtual_shop): pass")

    result = pytester.runpytest_subprocess("-p", "no:vshop", timeout=60)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'virtual_shop' not found*"])
