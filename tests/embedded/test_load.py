import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from vshop.runtime.local.shop import Shop
from vshop.runtime.model import ports
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]
LOAD = (sys.executable, "-m", "loadtest", "load", "--users=5", "--time=5s", "--items=0,1,2,3,4,5,6,7,8", "--json")


def begin(shop: Shop, *options: str) -> subprocess.Popen[str]:
    env = os.environ | {"VSHOP_HOME": shop.state.home}
    return subprocess.Popen([*LOAD, *options], cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(load: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    out, err = load.communicate(timeout=200)
    assert out, err
    return load.returncode, json.loads(out)


def answers(page: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{page}/ledger", timeout=5).ok
    return False


def test_report_of_a_load_without_losses(shop: Shop, tmp_path: Path):
    status, report = end(begin(shop, "--rate=8", "--wrong-share=0.3", f"--html={tmp_path / 'locust.html'}"))

    assert (status, report["ok"], report["problems"]) == (0, True, [])
    assert report["accepted"] > 5
    assert report["handled"] == report["tracesWhole"] == report["accepted"]
    assert sum(item["acceptedPieces"] for item in report["items"]) == sum(
        item["before"] - item["after"] for item in report["items"]
    )
    assert [reason for reason in report["refused"] if "a wrong order" not in reason] == []
    assert "<html" in (tmp_path / "locust.html").read_text()


def test_an_order_that_counts_twice_is_found(shop: Shop):
    status, report = end(begin(shop, "--rate=4", "--wrong-share=0", "--chaos-share=1", "--chaos=stock-double-decrement"))

    assert (status, report["ok"]) == (1, False)
    assert report["doubled"] == report["accepted"] > 3
    assert report["tracesDoubled"]
    assert all(item["difference"] == -item["acceptedPieces"] for item in report["items"])


def test_dead_letters_are_neither_lost_nor_handled(shop: Shop):
    status, report = end(begin(shop, "--rate=4", "--wrong-share=0", "--chaos-share=1", "--chaos=stock-put-missing-key"))

    assert (status, report["problems"]) == (0, [])
    assert len(report["deadLetters"]) == report["accepted"] > 3
    assert {letter["cause"] for letter in report["deadLetters"]} == {"stock-put-missing-key, on for this order"}
    assert report["handled"] == 0


def test_a_stock_that_changed_behind_its_back_is_found(shop: Shop, client: ShopClient, eventually):
    before = client.item(1)["version"]
    load = begin(shop, "--rate=8")
    eventually(lambda: client.item(1)["version"] > before, 60)
    credentials = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    boto3.client("dynamodb", endpoint_url=shop.addresses["dynamodb"], **credentials).update_item(
        TableName="item-stock",
        Key={"id": {"S": "1"}},
        UpdateExpression="SET stock = stock - :five, version = version + :one",
        ExpressionAttributeValues={":five": {"N": "5"}, ":one": {"N": "1"}},
    )
    status, report = end(load)

    assert (status, report["doubled"]) == (1, 1)
    assert {item["item"]: item["difference"] for item in report["items"] if item["difference"]} == {1: -5}


def test_shape_incident_switches_it_on_and_off(shop: Shop, client: ShopClient):
    status, report = end(
        begin(shop, "--rate=8", "--time=9s", "--shape=incident", "--incident=pricing-type-error", "--wrong-share=0")
    )

    assert (status, report["problems"]) == (0, [])
    assert [fault["what"] for fault in report["faults"]][-1] == "under pricing-type-error"
    assert client.switched_on() == []


@contextlib.contextmanager
def distributed(shop: Shop, folder: Path) -> Iterator[str]:
    at, (page, talk) = find(shop.state.home, {}), ports.free(2)
    env = os.environ | {"LOCUST_HOST": at.orders, "VSHOP_AUTH_URL": at.auth, "VSHOP_STOCK_URL": at.stock}
    locust = [sys.executable, "-m", "locust", "-f", str(ROOT / "loadtest" / "locustfile.py")]
    master = [
        "--master",
        f"--master-bind-port={talk}",
        "--master-bind-host=127.0.0.1",
        "--web-host=127.0.0.1",
        f"--web-port={page}",
    ]
    with (folder / "locust.log").open("wb") as log, contextlib.ExitStack() as running:
        for role in (master, ["--worker", f"--master-port={talk}"]):
            process = subprocess.Popen([*locust, *role], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            running.callback(process.wait, 30)
            running.callback(process.terminate)
        yield f"http://127.0.0.1:{page}"


def test_orders_of_distributed_workers_are_all_reported(shop: Shop, tmp_path: Path, eventually):
    """Also those accepted between a worker's last report and its end."""
    with distributed(shop, tmp_path) as page:
        eventually(lambda: answers(page), 60)
        status, report = end(begin(shop, "--rate=8", f"--locust={page}"))

    assert (status, report["problems"]) == (0, [])
    assert report["handled"] == report["tracesWhole"] == report["accepted"] > 5


def test_load_without_a_shop_fails_with_advice(tmp_path: Path):
    env = os.environ | {"VSHOP_HOME": str(tmp_path), "VSHOP_STOCK_URL": "http://127.0.0.1:9"}
    ran = subprocess.run(LOAD, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert "Is the shop up?" in ran.stderr
    assert "Traceback" not in ran.stderr
