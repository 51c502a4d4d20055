import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from observatory.ingest.http_api import MAX_BODY_BYTES
from vshop.runtime.model import ports

JSON = {"Content-Type": "application/json"}
SERVICES = Path(__file__).parents[3] / "services"
SPAN = {
    "traceId": f"{1:032x}",
    "spanId": f"{1:016x}",
    "name": "work",
    "startTimeUnixNano": "1790000000000000000",
    "endTimeUnixNano": "1790000000001000000",
}
BATCH = {
    "resourceSpans": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "orders"}}]},
            "scopeSpans": [{"spans": [SPAN]}],
        }
    ]
}


def start(otlp, query, **variables):
    own = {"PYTHONPATH": str(SERVICES), "SHOP_OTLP_PORT": str(otlp), "SHOP_QUERY_PORT": str(query)}
    command = [sys.executable, "-P", "-m", "observatory"]
    return subprocess.Popen(command, env=os.environ | own | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def addresses():
    otlp, query = ports.free(2)
    process = start(otlp, query)
    try:
        pause, end = threading.Event(), time.monotonic() + 20
        while True:
            try:
                if requests.get(f"http://127.0.0.1:{query}/readyz", timeout=5).ok:
                    break
            except requests.ConnectionError:
                assert process.poll() is None
                assert time.monotonic() < end
                pause.wait(0.05)
        yield f"http://127.0.0.1:{otlp}", f"http://127.0.0.1:{query}"
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=10)
    lines = [json.loads(line) for line in output.splitlines()]
    assert process.returncode == 0
    assert {line["level"] for line in lines} == {"INFO"}, output
    assert lines[-1]["message"].startswith("stopped with")


def test_otlp_port_receives_and_query_port_responds(addresses):
    otlp, query = addresses
    assert requests.post(f"{otlp}/v1/traces", json=BATCH, timeout=5).status_code == 200
    assert requests.get(f"{query}/api/services", timeout=5).json()["data"] == ["orders"]


def test_too_large_bodies_return_413(addresses):
    otlp, query = addresses
    too_much = b" " * (MAX_BODY_BYTES + 1)
    pieces = (too_much[at : at + 2**20] for at in range(0, len(too_much), 2**20))
    answers = [
        requests.post(f"{otlp}/v1/traces", data=too_much, headers=JSON, timeout=10),
        requests.post(f"{otlp}/v1/traces", data=pieces, headers=JSON, timeout=10),
        requests.post(f"{otlp}/v1/traces", data=gzip.compress(too_much), headers=JSON | {"Content-Encoding": "gzip"}, timeout=10),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(413, 8)] * 3
    assert requests.post(f"{otlp}/v1/traces", json=BATCH, timeout=5).status_code == 200
    assert requests.get(f"{query}/api/traces/1", timeout=5).status_code == 200


def test_chunked_request_is_stored(addresses):
    otlp, query = addresses
    body = json.dumps(BATCH).encode()
    answer = requests.post(f"{otlp}/v1/traces", data=iter([body[:10], body[10:]]), headers=JSON, timeout=5)
    assert answer.status_code == 200, answer.text
    assert requests.get(f"{query}/api/traces/1", timeout=5).status_code == 200


def test_disconnecting_client_does_not_block_others(addresses):
    otlp, query = addresses
    with socket.create_connection(("127.0.0.1", int(otlp.rpartition(":")[2]))) as connection:
        connection.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    assert requests.get(f"{query}/readyz", timeout=5).status_code == 200
    assert requests.get(f"{query}/api/telemetry", timeout=5).json()["traces"]["receivedSpans"] == 0


def test_used_port_exits_with_1_and_names_it():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(port, ports.free(1)[0])
        output, _ = process.communicate(timeout=20)
    assert (process.returncode, f"Cannot listen on 127.0.0.1:{port}" in output, "Traceback" in output) == (1, True, False), output


def test_invalid_setting_exits_with_1_and_names_it():
    process = start(*ports.free(2), SHOP_STORE_MAX_SPANS="many")
    output, _ = process.communicate(timeout=20)
    assert (process.returncode, "SHOP_STORE_MAX_SPANS" in output, "Traceback" in output) == (1, True, False), output
