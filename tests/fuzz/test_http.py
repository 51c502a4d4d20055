"""Every service, fuzzed by schemathesis from the OpenAPI file that it serves (schemathesis.toml says how)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("service", ["auth-stub", "orders", "stock-updater", "observatory", "console"])
def test_a_service_answers_as_it_describes(shop, client, service, tmp_path, examples):
    """No 5xx but the documented 503; statuses, media types, headers and bodies as described; a shopper's token is taken."""
    url = shop.addresses[service]
    env = os.environ | {"VSHOP_FUZZ_TOKEN": client.token(), "SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py")}
    command = [Path(sys.executable).with_name("st"), "--config-file", HERE / "schemathesis.toml", "run", f"{url}/openapi.yaml"]
    # The boundary cases and the sequences of requests take longer than the default suite has.
    phases = "examples,coverage,fuzzing,stateful" if examples > 100 else "examples,fuzzing"
    options = ["--url", url, "--phases", phases, "--max-examples", str(examples), "--no-color"]

    ended = subprocess.run([*command, *options], env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
    if client.exercise()["running"]:
        client.exercise("DELETE")
    client.switch_all_off()

    assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr[-2_000:]
