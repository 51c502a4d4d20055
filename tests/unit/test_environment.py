import os

import pytest

from tests import environment

HOSTILE = {
    "SHOP_KAFKA_BOOTSTRAP": "elsewhere:9092",
    "VSHOP_ORDERS_URL": "http://elsewhere",
    "OTEL_SDK_DISABLED": "true",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://elsewhere:4318",
    "AWS_PROFILE": "production",
    "AWS_ENDPOINT_URL": "http://elsewhere",
    "http_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "all_proxy": "socks5://127.0.0.1:9",
    "JAVA_TOOL_OPTIONS": "-javaagent:/nonexistent.jar",
    "FORCE_COLOR": "1",
    "PYTEST_ADDOPTS": "--exitfirst",
}
NEEDED = {
    "DOCKER_HOST": "unix:///engine",
    "KUBECONFIG": "/config",
    "VSHOP_CACHE": "/cache",
    "VSHOP_REQUIRE_DOCKER": "1",
    "VSHOP_TEST_K8S": "1",
    "PATH": "/bin",
}


def test_settings_of_the_shell_are_removed_and_restored(monkeypatch):
    for name, value in (HOSTILE | NEEDED).items():
        monkeypatch.setenv(name, value)

    with pytest.MonkeyPatch.context() as patch:
        proxies = environment.clean(patch)
        left = dict(os.environ)

    assert left.keys() & HOSTILE.keys() == set()
    assert NEEDED.items() <= left.items()
    assert proxies == {name: value for name, value in HOSTILE.items() if "proxy" in name.lower()}
    assert HOSTILE.items() <= os.environ.items()


def test_the_tests_run_without_them():
    assert environment.unwanted(os.environ) == set()


def test_a_download_uses_the_proxies_of_the_user(monkeypatch):
    monkeypatch.delenv("https_proxy", raising=False)

    with environment.with_proxies({"https_proxy": "http://proxy:3128"}):
        assert os.environ["https_proxy"] == "http://proxy:3128"

    assert "https_proxy" not in os.environ
