"""The small version of `make torture`; VSHOP_TORTURE_ORDERS=2000 or more makes it bigger, VSHOP_TORTURE_PAUSES=200 longer."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ORDERS = int(os.environ.get("VSHOP_TORTURE_ORDERS", "400"))
PAUSES = int(os.environ.get("VSHOP_TORTURE_PAUSES", "1"))


OTHERS = "partition,refusal,clock,disk,rollback,topic,rebalance,transaction"


def torture(home: Path, *options: str, orders: int = ORDERS) -> dict[str, Any]:
    command = [sys.executable, "-m", "loadtest", "torture", f"--orders={orders}", f"--home={home}", "--json", *options]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=390 + orders + 60 * PAUSES, check=False)
    assert ran.stdout, ran.stderr
    report = json.loads(ran.stdout)
    assert (report["problems"], report["deadLetters"], ran.returncode) == ([], [], 0), ran.stderr
    assert report["accepted"] >= orders
    assert report["handled"] == report["accepted"] == report["tracesWhole"] + len(report["tracesBroken"])
    return report


@pytest.mark.torture
@pytest.mark.timeout(400 + ORDERS)
def test_every_part_is_killed_under_load_and_nothing_is_lost(tmp_path: Path):
    report = torture(tmp_path, "--faults=kill,restart,incident")
    killed = {fault["part"] for fault in report["faults"] if fault["what"] == "killed"}
    assert killed == {"orders", "auth-stub", "stock-updater", "console", "observatory", "kafka", "dynamodb"}
    assert report["mostBetweenTries"] < 100  # an item remembers 100 orders


@pytest.mark.torture
@pytest.mark.timeout(700)
def test_pauses_partitions_full_disks_and_lost_data_lose_no_order(tmp_path: Path):
    """Each fault once; a failure prints the seed that replays it."""
    report = torture(tmp_path, f"--faults={OTHERS}", "--dynamodb=moto", orders=300)
    assert len(report["faults"]) >= 12


@pytest.mark.torture
@pytest.mark.timeout(400 + 60 * PAUSES)
def test_a_pause_beyond_the_session_timeout_moves_the_partitions_and_loses_no_order(tmp_path: Path):
    """A second stock-updater takes over, and the first one continues with records that it does not own any more."""
    report = torture(tmp_path, "--faults=pause", "--updaters=2", f"--rounds={PAUSES}", "--rate=10", "--dynamodb=moto", orders=150)
    paused = [fault for fault in report["faults"] if (fault["part"], fault["what"]) == ("stock-updater", "paused")]
    assert len(paused) == PAUSES
    assert all(fault["backAt"] - fault["at"] > 6 for fault in paused)
    assert "assigned [0, 1, 2, 3]" in (tmp_path / "stock-updater-2" / "logs" / "stock-updater.log").read_text()
