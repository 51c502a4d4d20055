"""The small version of `make torture`; VSHOP_TORTURE_ORDERS=2000 or more makes it bigger."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ORDERS = int(os.environ.get("VSHOP_TORTURE_ORDERS", "400"))


@pytest.mark.timeout(400 + ORDERS)
def test_every_part_is_killed_under_load_and_nothing_is_lost(tmp_path: Path):
    """Stock is exact, there is no dead letter, and every trace is whole or its gap is explained by the process that was killed."""
    command = [sys.executable, "-m", "loadtest", "torture", f"--orders={ORDERS}", f"--home={tmp_path}", "--json"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=390 + ORDERS, check=False)
    assert ran.stdout, ran.stderr
    report = json.loads(ran.stdout)

    assert (report["problems"], report["deadLetters"], ran.returncode) == ([], [], 0)
    assert report["accepted"] >= ORDERS
    assert report["handled"] == report["accepted"] == report["tracesWhole"] + len(report["tracesBroken"])
    killed = {fault["part"] for fault in report["faults"] if fault["what"] == "killed"}
    assert killed == {"orders", "auth-stub", "stock-updater", "console", "observatory", "kafka", "dynamodb"}
    assert report["mostBetweenTries"] < 100  # the item remembers as many orders: a retry after more would count twice
