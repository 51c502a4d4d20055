"""Serves DynamoDB from memory with moto, on loopback: ``python -m vshop.runtime.backends.moto_server PORT FILE``.

It appends each write to FILE.wal before it answers, so kill -9 loses no acknowledged write; power failure may. FILE holds all
tables: saved at start, on SIGTERM, and when the log is large.

Unlike ``python -m moto.server``, it handles one request at a time: moto's tables have no lock, so two conflicting conditional
writes could both succeed.
"""

import contextlib
import http
import io
import json
import os
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.test import Client

from vshop.kit.http.server import HttpServer, run_service, stop_event

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication
    from werkzeug.test import TestResponse

# moto reads the service and the region from this header and does not check the signature.
_CREDENTIAL = "embedded/20260101/us-east-1/dynamodb/aws4_request"
_AUTHORIZATION = f"AWS4-HMAC-SHA256 Credential={_CREDENTIAL}, SignedHeaders=host, Signature=none"
_DEFINITION = ("TableName", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
_READS = ("Get", "Query", "Scan", "Describe", "List", "BatchGet", "TransactGet")
_MAX_LOG_BYTES = 4_000_000  # replayed in about a second
_NOT_LOGGED = b'{"__type": "com.amazon.coral.service#InternalServerError", "message": "the write-ahead log cannot be written"}'


class TablesError(Exception):
    """The tables could not be saved or restored."""


class DurableTables:
    """A WSGI application: moto, with every write on disk before its answer.

    The file of all tables has the number of the log that continues it. After a crash between saving that file and emptying the
    log, the log has an older number and is ignored.
    """

    def __init__(self, moto: "WSGIApplication", file: Path) -> None:
        """Restore the last run's tables and log. Raises TablesError if they cannot be read, OSError if they cannot be saved."""
        self._moto, self._file = moto, file
        self._client, self._lock = Client(moto), threading.Lock()
        self._number = self._size = 0
        log = file.with_suffix(".wal")
        if file.exists():
            try:
                self._restore(log)
            except (OSError, ValueError, LookupError, TypeError) as error:
                raise TablesError(
                    f"Cannot read the saved stock in {file} and {log}: {error}. Remove the files, or start without --keep."
                ) from error
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._save()

    def _restore(self, log: Path) -> None:
        saved = json.loads(self._file.read_text())
        self._create_tables(saved["tables"])
        self._number = saved["log"]
        head, *entries = log.read_bytes().split(b"\n") if log.exists() else [b""]  # the last is empty unless torn
        if head != b"%d" % self._number or not entries:
            return
        if torn := entries.pop():
            _note(f"ignores the last {len(torn)} bytes of {log}: a write that was not finished and not acknowledged")
        for number, entry in enumerate(entries, start=2):
            operation, _, body = entry.partition(b" ")
            if not (operation.isalpha() and isinstance(json.loads(body), dict)):
                raise ValueError(f"line {number} of the log is damaged")
            self._request(operation.decode(), body)  # one that was refused is refused again

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Handle a request; a write that cannot be logged is refused with HTTP 500 and not applied."""
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        with self._lock:
            if operation and not operation.startswith(_READS):
                body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                environ["wsgi.input"] = io.BytesIO(body)
                try:
                    self._append(operation.encode() + b" " + body.replace(b"\n", b" ") + b"\n")
                except OSError as error:
                    _note(f"cannot write its log: {error}")
                    start_response("500 Internal Server Error", [("Content-Type", "application/x-amz-json-1.0")])
                    return [_NOT_LOGGED]
            return self._moto(environ, start_response)

    def _append(self, entry: bytes) -> None:
        if self._size > _MAX_LOG_BYTES:
            self._save()
        if not self._size:
            entry = b"%d\n" % self._number + entry
        rest = entry
        try:
            while rest:
                rest = rest[os.write(self._log, rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._log, self._size)  # a part of an entry may be written
            raise
        self._size += len(entry)

    def _save(self) -> None:
        part = self._file.with_suffix(".partial")
        part.write_text(json.dumps({"log": self._number + 1, "tables": self._read_tables()}))
        part.replace(self._file)
        self._number += 1
        os.ftruncate(self._log, 0)
        self._size = 0

    def close(self) -> None:
        """Save the tables. No request is acknowledged afterwards."""
        with self._lock:
            try:
                self._save()
            except OSError as error:
                _note(f"cannot save the stock: {error}. The next start reads the log.")
            os.close(self._log)

    def _read_tables(self) -> list[dict[str, Any]]:
        tables = []
        for name in self._call("ListTables")["TableNames"]:
            table = self._call("DescribeTable", TableName=name)["Table"]
            definition = {key: table[key] for key in _DEFINITION if table.get(key)}
            tables.append({"definition": definition, "items": self._scan(name)})
        return tables

    def _scan(self, table: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            page = self._call("Scan", TableName=table, ConsistentRead=True, **more)
            items += page["Items"]
            if not page.get("LastEvaluatedKey"):
                return items
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _create_tables(self, tables: list[dict[str, Any]]) -> None:
        for table in tables:
            name = table["definition"]["TableName"]
            self._call("CreateTable", **table["definition"], BillingMode="PAY_PER_REQUEST")
            for item in table["items"]:
                self._call("PutItem", TableName=name, Item=item)

    def _request(self, operation: str, body: bytes) -> "TestResponse":
        headers = {"Authorization": _AUTHORIZATION, "X-Amz-Target": f"DynamoDB_20120810.{operation}"}
        return self._client.post("/", data=body, headers=headers, content_type="application/x-amz-json-1.0")

    def _call(self, operation: str, **request: Any) -> Any:
        answer = self._request(operation, json.dumps(request).encode())
        if answer.status_code != http.HTTPStatus.OK:
            raise TablesError(f"{operation} returned HTTP {answer.status_code}: {answer.get_data(as_text=True)[:500]}")
        return json.loads(answer.get_data())


def _note(text: str) -> None:
    sys.stderr.write(f"moto: {text}\n")
    sys.stderr.flush()


def main() -> None:
    """Serve until SIGTERM."""
    from moto.moto_server.werkzeug_app import create_backend_app  # noqa: PLC0415 - importing this module must not load moto

    port, file = int(sys.argv[1]), Path(sys.argv[2])
    stop = stop_event()
    try:
        tables = DurableTables(create_backend_app("dynamodb"), file)
    except (TablesError, OSError) as error:
        sys.exit(str(error))
    with HttpServer(tables, "127.0.0.1", port, threads=4, drain_s=2):
        stop.wait()
    tables.close()


if __name__ == "__main__":
    run_service(main)
