import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from moto.backends import get_backend
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.test import Client

from vshop.runtime.backends.moto_server import DurableTables, TablesError

SIGNED_BY = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=x"


class Server:
    """The server in this process. Without ``close``, its end is that of kill -9."""

    def __init__(self, file: Path) -> None:
        get_backend("dynamodb").reset()
        self.tables = DurableTables(create_backend_app("dynamodb"), file)
        self._client = Client(self.tables)

    def call(self, operation: str, status: int = 200, **request: Any) -> Any:
        target = {"X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        answer = self._client.post("/", data=json.dumps(request, indent=1), headers={"Authorization": SIGNED_BY} | target)
        assert answer.status_code == status, answer.text
        return answer.json or json.loads(answer.text)

    def create(self) -> None:
        key = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}
        definition = {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}], "BillingMode": "PAY_PER_REQUEST"}
        self.call("CreateTable", TableName="stock", **key, **definition)

    def put(self, key: str, text: str = "", status: int = 200, **condition: Any) -> Any:
        return self.call("PutItem", status, TableName="stock", Item={"id": {"S": key}, "text": {"S": text}}, **condition)

    def items(self) -> dict[str, str]:
        return {item["id"]["S"]: item["text"]["S"] for item in self.call("Scan", TableName="stock")["Items"]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tables.json"


@pytest.fixture
def start(file: Path) -> Callable[[], Server]:
    return lambda: Server(file)


def test_a_crash_keeps_every_acknowledged_write(start):
    for run in range(3):
        server = start()
        if run == 0:
            server.create()
        for number in range(5):
            server.put(f"{run}-{number}", "line\nand ümlaut")
        refused = server.put("0-0", "not written", 400, ConditionExpression="attribute_not_exists(id)")
        assert "ConditionalCheckFailed" in refused["__type"]
        server.call("DeleteItem", TableName="stock", Key={"id": {"S": f"{run}-4"}})
    expected = {f"{run}-{number}": "line\nand ümlaut" for run in range(3) for number in range(4)}
    assert start().items() == expected


def test_a_write_that_was_not_finished_is_ignored(start, file, capsys):
    server = start()
    server.create()
    server.put("1")
    log = file.with_suffix(".wal")
    log.write_bytes(log.read_bytes() + b'PutItem {"TableName": "stock", "It')
    assert start().items() == {"1": ""}
    assert "ignores the last 34 bytes" in capsys.readouterr().err


def test_a_log_whose_first_write_was_not_finished_is_ignored(start, file):
    server = start()
    server.create()
    server.put("1")
    server.tables.close()
    log, number = file.with_suffix(".wal"), json.loads(file.read_text())["log"]
    for torn in (b"%d" % number, b"%d\nPut" % number):
        log.write_bytes(torn)
        log_number = json.loads(file.read_text())
        file.write_text(json.dumps(log_number | {"log": number}))
        assert start().items() == {"1": ""}


@pytest.mark.parametrize("damage", [b"\0" * 40, b'PutItem {"TableName": \0}', b"PutItem", b"\xff\xfe {}", b"PutItem []"])
def test_a_damaged_entry_is_named_and_kept(start, file, damage):
    """Acknowledged writes come after it, so that leaving it out would lose some silently."""
    server = start()
    server.create()
    server.put("1")
    log = file.with_suffix(".wal")
    head, create, put = log.read_bytes().splitlines(keepends=True)
    damaged = head + create + damage + b"\n" + put
    log.write_bytes(damaged)

    with pytest.raises(TablesError, match=r"saved stock in .*tables\.wal: .* Remove the files, or start without --keep"):
        start()
    assert log.read_bytes() == damaged


def test_a_log_that_cannot_be_opened_stops_the_start(start, file):
    file.with_suffix(".wal").mkdir()
    with pytest.raises(OSError, match=r"tables\.wal"):
        start()


def test_a_log_that_the_saved_tables_include_is_not_replayed(start, file):
    """A crash between the two steps of saving leaves the old log beside the new tables."""
    server = start()
    server.create()
    server.put("1")
    key, add = {"id": {"S": "1"}}, {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
    server.call("UpdateItem", TableName="stock", Key=key, **add)
    old = file.with_suffix(".wal").read_bytes()
    start()
    file.with_suffix(".wal").write_bytes(old)
    assert start().call("GetItem", TableName="stock", Key=key)["Item"]["n"] == {"N": "1"}


def test_a_full_disk_refuses_a_write_and_does_not_apply_it(start, monkeypatch):
    server = start()
    server.create()
    server.put("1", "first")
    write = os.write
    pieces = iter([20])

    def fill(file: int, data: bytes) -> int:
        for size in pieces:
            return write(file, data[:size])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(os, "write", fill)
        assert "InternalServerError" in server.put("1", "second", 500)["__type"]
        assert server.items() == {"1": "first"}
    server.put("2", "third")
    assert start().items() == {"1": "first", "2": "third"}


def test_a_large_log_becomes_saved_tables(start, file):
    server = start()
    server.create()
    for number in range(45):
        server.put(str(number % 3), f"{number} {'x' * 100_000}")
    assert file.with_suffix(".wal").stat().st_size < 1_000_000
    assert {text.split()[0] for text in start().items().values()} == {"42", "43", "44"}


def test_a_stop_whose_save_fails_leaves_the_log(start, file, capsys):
    server = start()
    server.create()
    server.put("1")
    file.with_suffix(".partial").mkdir()
    server.tables.close()
    assert "The next start reads the log" in capsys.readouterr().err
    file.with_suffix(".partial").rmdir()
    assert start().items() == {"1": ""}


def test_a_damaged_file_is_named_and_kept(start, file):
    file.write_text('[{"definition"')
    with pytest.raises(TablesError, match=r"saved stock in .*tables\.json .* Remove the files, or start without --keep"):
        start()
    assert file.read_text() == '[{"definition"'
