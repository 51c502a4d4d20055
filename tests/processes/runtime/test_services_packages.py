import sys
from importlib.metadata import PackageNotFoundError

import pytest

from vshop.runtime.local import services_packages
from vshop.runtime.model.errors import FetchError

FITTING = dict.fromkeys((*services_packages._REQUIRED, *services_packages._REQUIRED_BY_ZERO_CODE), "0.66b1") | {
    "opentelemetry-sdk": "1.45.1"
}


@pytest.fixture
def environment(monkeypatch):
    versions, requirements = dict(FITTING), {}

    def version(name):
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(services_packages, "version", version)
    monkeypatch.setattr(services_packages, "requires", lambda name: requirements.get(name, []))
    return versions, requirements


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("VSHOP_CACHE", str(tmp_path))
    return tmp_path


def installs(monkeypatch, script):
    monkeypatch.setattr(services_packages, "_installer", lambda: [sys.executable, "-c", script])


def test_a_fitting_release_is_used(environment, cache):
    environment[1]["opentelemetry-sdk"] = ["opentelemetry-api==0.66b1", 'x==1 ; extra == "more"', "typing-extensions>=4.5"]

    assert services_packages.problem(zero_code=True) == ""
    assert services_packages.ensure(print, zero_code=True) is None
    assert list(cache.iterdir()) == []


def test_a_missing_package_is_named(environment):
    del environment[0]["opentelemetry-instrumentation-confluent-kafka"]

    assert services_packages.problem(zero_code=False) == ""
    assert services_packages.problem(zero_code=True) == "opentelemetry-instrumentation-confluent-kafka is not installed"


def test_an_old_sdk_does_not_fit(environment):
    environment[0]["opentelemetry-sdk"] = "1.38.0"

    assert services_packages.problem(zero_code=False) == "opentelemetry-sdk 1.38.0 is older than 1.40"


@pytest.mark.parametrize(
    "requirement", ["opentelemetry_api==0.66b2", "opentelemetry-api (==0.66b2)", "opentelemetry-api == 0.66b2 ; x"]
)
def test_releases_that_are_mixed_do_not_fit(environment, requirement):
    environment[1]["opentelemetry-distro"] = [requirement]

    assert services_packages.problem(zero_code=False) == (
        "opentelemetry-distro 0.66b1 needs opentelemetry-api 0.66b2, but 0.66b1 is installed"
    )


def test_packages_are_installed_once(environment, cache, monkeypatch):
    environment[0].clear()
    installs(monkeypatch, "import sys, pathlib; pathlib.Path(sys.argv[3]).mkdir(); print(sys.argv)")
    steps = []

    first = services_packages.ensure(steps.append, zero_code=False)
    second = services_packages.ensure(steps.append, zero_code=False)

    assert first == second == services_packages.folder()
    assert first.is_dir()
    assert first.parent == cache
    assert [step.state for step in steps] == ["fetching"]


def test_a_failed_installation_says_why_and_leaves_nothing(environment, cache, monkeypatch):
    environment[0].clear()
    installs(monkeypatch, "import sys, pathlib; pathlib.Path(sys.argv[3]).mkdir(); sys.exit('no route to the index')")

    with pytest.raises(FetchError, match=r"no route to the index(.|\n)*virtual-shop\[services\]"):
        services_packages.ensure(lambda _step: None, zero_code=False)

    assert [path.name for path in cache.iterdir() if path.is_dir()] == []
