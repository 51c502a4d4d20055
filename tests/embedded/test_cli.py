import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from confluent_kafka import Producer

from vshop.runtime.model import folders
from vshop.runtime.model.processes import RUN_VARIABLE

Ran = subprocess.CompletedProcess[str]
Vshop = Callable[..., Ran]


def run(*arguments: str, home: str, **env: str) -> Ran:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SHOP_", "VSHOP_HOME", "OTEL_"))}
    if kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        kept["PYTHONPYCACHEPREFIX"] = str(folders.cache() / "bytecode")  # where that of the services is
    command = [sys.executable, "-c", "from vshop.cli import main; main()", *arguments]
    done = subprocess.run(command, env=kept | {"VSHOP_HOME": home} | env, capture_output=True, text=True, timeout=110, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture
def vshop(shop) -> Vshop:
    def against(*arguments: str, **env: str) -> Ran:
        return run(*arguments, home=shop.state.home, **env)

    return against


def test_order_as_json_is_the_answer_and_the_whole_trace(vshop: Vshop, client):
    before = client.item(6)["ordered"]
    done = vshop("order", "--item", "6", "--quantity", "2", "--discount", "DEL15", "--user", "1", "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, done.stderr, answer["status"]) == (0, "", 202)
    assert answer["answer"]["orderId"] == answer["orderId"]
    assert {span["trace_id"] for span in answer["spans"]} == {answer["traceId"]}
    assert len(answer["spans"]) == 7
    assert client.item(6)["ordered"] == before + 2


def test_order_draws_its_trace_for_a_person(vshop: Vshop):
    done = vshop("order")
    assert done.returncode == 0
    for shown in ("202", "/trace/", "POST /orders", "process queuing.retail_site.new_orders", "DynamoDB.PutItem"):
        assert shown in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--item", "4242"], "there is no item 4242"),
        (["--quantity", "0"], "quantity"),
        (["--discount", "NONE"], "there is no code 'NONE'"),
    ],
)
def test_a_refused_order_exits_with_1_and_the_shops_own_words(vshop: Vshop, arguments: list[str], told: str):
    done = vshop("order", *arguments)
    assert done.returncode == 1
    assert told in done.stderr
    assert "POST /orders" in done.stdout


def test_stock_shows_the_table(vshop: Vshop, client):
    assert json.loads(vshop("stock", "--json").stdout) == client.stock()
    assert json.loads(vshop("stock", "3", "--json").stdout) == client.item(3)
    assert "Wool blanket" in vshop("stock").stdout
    unknown = vshop("stock", "77")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "There is no item 77" in unknown.stderr


def test_trace_and_logs_show_one_order(vshop: Vshop, ordered):
    placed, _ = ordered(2)
    seen = json.loads(vshop("trace", placed.trace_id, "--json").stdout)
    assert (seen["traceId"], seen["missing"], len(seen["spans"])) == (placed.trace_id, None, 7)
    assert "DynamoDB.PutItem" in vshop("trace", placed.trace_id).stdout
    missing = vshop("trace", "0" * 31 + "1")
    assert (missing.returncode, missing.stdout) == (1, "")
    assert "There is no trace" in missing.stderr
    records = json.loads(vshop("logs", "--trace", placed.trace_id, "--service", "orders", "--json").stdout)
    assert [record["body"].split(" order")[0] for record in records] == ["placing new", "sending new"]
    assert placed.order_id in vshop("logs", "--trace", placed.trace_id, "--search", "applied").stdout


def test_dlq_lists_shows_and_replays(vshop: Vshop, shop, client, eventually):
    producer = Producer({"bootstrap.servers": shop.addresses["kafka"], "log_level": 0})
    producer.produce("queuing.retail_site.new_orders", b"no [order] at all")
    assert producer.flush(20) == 0
    (letter,) = eventually(lambda: [one for one in client.dead_letters() if one["value"] == "no [order] at all"])
    assert letter in json.loads(vshop("dlq", "list", "--json").stdout)
    assert letter["traceId"] in vshop("dlq", "list").stdout
    assert json.loads(vshop("dlq", "show", letter["id"]).stdout)["headers"]["dlq.error.type"] == "InvalidRecordError"
    replayed = vshop("dlq", "replay", letter["id"])
    assert (replayed.returncode, replayed.stdout) == (1, "")
    assert "This can never be handled" in replayed.stderr
    unknown = vshop("dlq", "show", "0-999999")
    assert unknown.returncode == 2
    assert "0-999999" in unknown.stderr


def test_a_replay_ends_when_the_order_is_in_the_stock(vshop: Vshop, client):
    before = client.item(6)["stock"]
    assert vshop("chaos", "on", "stock-put-missing-key").returncode == 0
    try:
        placed = json.loads(vshop("order", "--item", "6", "--json").stdout)
        (letter,) = [one for one in client.dead_letters() if one["traceId"] == placed["traceId"]]
        again = vshop("dlq", "replay", letter["id"])
    finally:
        assert vshop("chaos", "off", "stock-put-missing-key").returncode == 0
    assert (again.returncode, again.stdout) == (1, "")
    assert "failed again: ValidationException: An error occurred (ValidationException) when calling the PutItem" in again.stderr

    everything = vshop("dlq", "replay", "--all", "--json")

    ids = {one["id"] for one in client.dead_letters() if one["traceId"] == placed["traceId"]}
    ended = {one["id"]: (one["handled"], one["error"]) for one in json.loads(everything.stdout) if one["id"] in ids}
    assert ended == dict.fromkeys(ids, (True, None))
    assert len(ids) == 2  # its own, and its replay's: each was put back, or found in the stock by then
    assert before - client.item(6)["stock"] == 1
    done = vshop("dlq", "replay", letter["id"])
    assert (done.returncode, done.stdout) == (0, f"Not replayed: {letter['id']} is in the stock already.\n")


def test_status_as_json_is_what_the_runtime_sees(vshop: Vshop, shop):
    done = vshop("status", "--json")
    seen = json.loads(done.stdout)
    assert (done.returncode, seen["ready"], seen["run"]) == (0, True, shop.state.run)
    assert {name: part["pid"] for name, part in seen["parts"].items()} == {
        name: identity.pid for name, identity in shop.state.processes.items()
    }


def test_settings_lists_what_each_service_reads(vshop: Vshop):
    rows = {row["name"]: row for row in json.loads(vshop("settings", "--json", SHOP_PAYLOADS="metadata").stdout)}
    assert (rows["SHOP_PAYLOADS"]["default"], rows["SHOP_PAYLOADS"]["value"]) == ("full", "metadata")
    wrong = vshop("settings", SHOP_PAYLOADS="some", SHOP_KAFKA_BOOTSTRAPP="x")
    assert wrong.returncode == 1
    assert "SHOP_PAYLOADS='some'" in wrong.stderr
    assert "did you mean SHOP_KAFKA_BOOTSTRAP?" in wrong.stderr


@pytest.mark.parametrize("arguments", [["order", "--items", "1"], ["order", "--quantity", "two"], ["nonsense"]])
def test_a_wrong_command_line_exits_with_2_and_says_what_is_wrong(vshop: Vshop, arguments: list[str]):
    done = vshop(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert arguments[-1] in done.stderr or arguments[-2] in done.stderr


@pytest.mark.parametrize("arguments", [["order"], ["trace", "1"], ["dlq", "list"], ["status"], ["restart", "orders"]])
def test_without_a_shop_each_command_says_so(tmp_path: Path, arguments: list[str]):
    nowhere = {f"VSHOP_{name}_URL": "http://127.0.0.1:9" for name in ("ORDERS", "AUTH", "STOCK", "TRACES", "OBSERVATORY")}
    done = run(*arguments, home=str(tmp_path), **nowhere)
    assert (done.returncode, done.stdout) == (1, "")
    assert "vshop status" in done.stderr or "vshop up" in done.stderr


def alive(run_id: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_VARIABLE) == run_id and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def test_up_twice_is_harmless_and_down_leaves_nothing(tmp_path: Path):
    home = str(tmp_path / "a home")
    try:
        first = run("up", "--free-ports", "--timeout", "100", "--json", home=home)
        assert first.returncode == 0, first.stderr
        status = json.loads(run("status", "--json", home=home).stdout)
        again = run("up", "--free-ports", "--json", home=home)
        assert (json.loads(first.stdout)["alreadyRunning"], json.loads(again.stdout)["alreadyRunning"]) == (False, True)
        assert json.loads(again.stdout)["addresses"] == json.loads(first.stdout)["addresses"]
        assert json.loads(again.stdout)["traceId"] != json.loads(first.stdout)["traceId"]
        assert {part["pid"] for part in status["parts"].values()} <= set(alive(status["run"]))
    finally:
        down = run("down", home=home)
    assert (down.returncode, alive(status["run"])) == (0, [])
    assert "Had to be killed" not in down.stdout
    assert run("down", home=home).returncode == 0
    assert run("status", home=home).returncode == 1


def test_env_names_the_receiver_of_otlp_grpc(vshop: Vshop):
    grpc = pytest.importorskip("grpc", reason="Install virtual-shop[grpc] to run this test.")
    url = json.loads(vshop("env", "--json").stdout)["VSHOP_OTLP_GRPC_URL"]

    with grpc.insecure_channel(urlsplit(url).netloc) as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        assert export(b"", timeout=10) == b""
