"""schemathesis fuzzes every service from its OpenAPI file; schemathesis.toml configures it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vshop.shop.client import USERS, ShopClient

HERE = Path(__file__).parent


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("service", ["auth-stub", "orders", "stock-updater", "observatory", "console"])
def test_a_service_answers_as_it_describes(shop, client, service, tmp_path, examples, chance, eventually):
    """No 5xx but the documented 503; responses as described."""
    url = shop.addresses[service]
    hooks = {"SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py"), "VSHOP_FUZZ_USER": USERS[0]}
    env = os.environ | {"VSHOP_FUZZ_TOKEN": client.token(USERS[0])} | hooks
    placed = shop_orders(client)
    command = [Path(sys.executable).with_name("st"), "--config-file", HERE / "schemathesis.toml", "run", f"{url}/openapi.yaml"]
    # Boundary cases and sequences of requests take too long by default.
    phases = "examples,coverage,fuzzing,stateful" if examples > 100 else "examples,fuzzing"
    options = ["--url", url, "--phases", phases, "--max-examples", str(examples), "--no-color", *chance]

    ended = subprocess.run([*command, *options], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    if client.exercise()["running"]:
        client.exercise("DELETE")
    client.switch_all_off()

    assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr[-2_000:]
    if service == "orders":  # without a token, every request would get 401
        eventually(lambda: shop_orders(client) > placed)


def shop_orders(client: ShopClient) -> int:
    return sum(item["ordered"] for item in client.stock())
