"""A service that cannot start says why in a sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[3] / "services"


@pytest.mark.parametrize("service", ["orders", "auth_stub", "stock_updater", "console"])
def test_a_wrong_setting_ends_a_service_with_a_sentence(service: str) -> None:
    env = os.environ | {"PYTHONPATH": str(SERVICES), "SHOP_ORDERS_PORT": "many"}

    ended = subprocess.run([sys.executable, "-P", "-m", service], env=env, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 1
    assert "SHOP_ORDERS_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("service", "variable"), [("auth_stub", "SHOP_TOKEN_KEY"), ("console", "SHOP_JOURNAL")])
def test_a_file_that_cannot_be_used_ends_a_service_with_a_sentence(service: str, variable: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    env = os.environ | {"PYTHONPATH": str(SERVICES), variable: str(tmp_path / "file" / "one"), "OTEL_SDK_DISABLED": "true"}

    ended = subprocess.run([sys.executable, "-P", "-m", service], env=env, capture_output=True, text=True, timeout=60, check=False)

    assert ended.returncode == 1
    assert variable in ended.stderr
    assert "Traceback" not in ended.stderr
