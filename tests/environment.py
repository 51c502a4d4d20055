import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import pytest

PROXIES = frozenset(
    name for lower in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy") for name in (lower, lower.upper())
)
PREFIXES = ("SHOP_", "OTEL_", "AWS_", "BOTO", "FLASK_", "LOCUST_", "KAFKA_", "WERKZEUG_")
NAMES = PROXIES | {
    "VSHOP_IMAGE_TAG",
    # options for every Java runtime, such as an agent
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "CLASSPATH",
    # colours and width of what commands print
    "FORCE_COLOR",
    "NO_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "TTY_COMPATIBLE",
    "TTY_INTERACTIVE",
    "COLUMNS",
    "LINES",
    # options for the Python and pytest processes that tests start
    "PYTHONWARNINGS",
    "PYTHONPATH",
    "PYTHONHASHSEED",
    "PYTEST_ADDOPTS",
    "PYTEST_PLUGINS",
}


def unwanted(names: Iterable[str]) -> set[str]:
    """Return the variables that would change what a test sees: settings of a shop, AWS, OpenTelemetry, proxies and the like."""
    return {name for name in names if name in NAMES or name.startswith(PREFIXES) or _names_a_shop(name)}


def _names_a_shop(name: str) -> bool:
    return name.startswith("VSHOP_") and name.endswith(("_URL", "_PORT"))


def clean(patch: pytest.MonkeyPatch) -> dict[str, str]:
    """Delete the unwanted variables. Returns the proxy variables among them, which downloads need."""
    removed = {name: os.environ[name] for name in unwanted(os.environ)}
    for name in removed:
        patch.delenv(name)
    return {name: value for name, value in removed.items() if name in PROXIES}


@contextmanager
def with_proxies(proxies: Mapping[str, str]) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in proxies.items():
            patch.setenv(name, value)
        yield
