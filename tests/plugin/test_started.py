"""Shops that the plugin starts itself, and stops."""

import json

import psutil
import pytest

pytestmark = pytest.mark.timeout(220)  # whole shops are started, on a machine that may have other things to do


def runs_left(runs):
    """Return the processes that carry the mark of one of these runs."""
    found = []
    for process in psutil.process_iter(["pid"]):
        try:
            if process.environ().get("VSHOP_RUN") in runs:
                found.append(process.info["pid"])
        except psutil.Error:
            continue
    return found


def test_a_shop_with_settings_of_ones_own_that_writes_files(run, tmp_path):
    """A conftest.py says how; the command line adds to it. It is stopped in the end."""
    result = run(
        """
        import json, os

        def test_link_mode(virtual_shop, virtual_shop_process):
            order = virtual_shop.place_order()
            assert order.span(kind="CONSUMER").links == [(order.trace_id, order.span(kind="PRODUCER").span_id)]
            with open(os.environ["HOLD"], "w") as file:
                json.dump([one.pid for one in virtual_shop_process.shop.state.processes.values()], file)

        def test_own_shop_is_broken_for_everybody(virtual_shop):
            with virtual_shop.incident("stock-consumer-stalled") as incident:
                order = virtual_shop.place_order(8)
                assert incident.scope == "global"
                assert {span.service for span in order.spans} == {"orders", "auth-stub"}
                assert incident.verify(order)
    """,
        f"--vshop-export-dir={tmp_path / 'signals'}",
        conftest=f"""
        import os, pytest
        os.environ["HOLD"] = {str(tmp_path / "pids")!r}

        @pytest.fixture(scope="session")
        def virtual_shop_options():
            return {{"env": {{"SHOP_KAFKA_TRACE": "link"}}}}
    """,
    )

    result.assert_outcomes(passed=2)
    pids = json.loads((tmp_path / "pids").read_text())
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []
    assert {file.name for file in (tmp_path / "signals").iterdir()} == {"traces.jsonl", "logs.jsonl", "metrics.jsonl"}


SHOPS = """
    import os, pytest

    @pytest.mark.parametrize("number", range(2))
    def test_one(virtual_shop, virtual_shop_process, number):
        assert virtual_shop.place_order().trace
        with open(os.path.join({folder!r}, virtual_shop_process.shop.state.run), "a") as file:
            file.write("x")
        assert virtual_shop_process.exclusive is {exclusive}
"""


def test_each_worker_has_a_shop_of_its_own(run, tmp_path):
    """On ports of its own; nothing is left of either."""
    result = run(SHOPS.format(folder=str(tmp_path), exclusive=True), "-n2", "--dist=load")

    result.assert_outcomes(passed=2)
    runs = {file.name for file in tmp_path.iterdir()}
    assert len(runs) == 2
    assert runs_left(runs) == []


def test_workers_share_one_shop(run, tmp_path):
    """The first one starts it, the last one stops it."""
    result = run(SHOPS.format(folder=str(tmp_path), exclusive=False), "-n2", "--dist=load", "--vshop-shared")

    result.assert_outcomes(passed=2)
    runs = {file.name for file in tmp_path.iterdir()}
    assert len(runs) == 1
    assert runs_left(runs) == []
