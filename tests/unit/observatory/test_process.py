"""The observatory as a process: two ports, a clean stop, and clear answers over a real connection."""

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

from observatory.otlp_decode import MAX_BODY_BYTES

JSON = {"Content-Type": "application/json"}
SERVICES = Path(__file__).parents[3] / "services"


def free_ports():
    """Find two ports that nobody listens on."""
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def start(otlp, query, **variables):
    """Start the observatory."""
    own = {"PYTHONPATH": str(SERVICES), "SHOP_OTLP_PORT": str(otlp), "SHOP_QUERY_PORT": str(query)}
    command = [sys.executable, "-P", "-m", "observatory"]
    return subprocess.Popen(command, env=os.environ | own | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def addresses():
    """The OTLP and the query address of a running observatory, which must stop cleanly and log JSON, without errors."""
    otlp, query = free_ports()
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
    assert {line["severity"] for line in lines} == {"INFO"}, output
    assert lines[-1]["body"].startswith("stopped with")


def test_what_comes_in_at_one_port_goes_out_at_the_other(addresses, batch, span):
    """OTLP is taken at its port and answered from at the query port."""
    otlp, query = addresses
    assert requests.post(f"{otlp}/v1/traces", json=batch(span()), timeout=5).status_code == 200
    assert requests.get(f"{query}/api/services", timeout=5).json()["data"] == ["orders"]


def test_refusals_over_a_connection(addresses, batch, span):
    """A body too large gets its 413, with a length and without one, before and after decompression; the next request is taken."""
    otlp, query = addresses
    too_much = b" " * (MAX_BODY_BYTES + 1)
    pieces = (too_much[at : at + 2**20] for at in range(0, len(too_much), 2**20))
    answers = [
        requests.post(f"{otlp}/v1/traces", data=too_much, headers=JSON, timeout=10),
        requests.post(f"{otlp}/v1/traces", data=pieces, headers=JSON, timeout=10),
        requests.post(f"{otlp}/v1/traces", data=gzip.compress(too_much), headers=JSON | {"Content-Encoding": "gzip"}, timeout=10),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(413, 8)] * 3
    assert requests.post(f"{otlp}/v1/traces", json=batch(span()), timeout=5).status_code == 200
    assert requests.get(f"{query}/api/traces/1", timeout=5).status_code == 200


def test_a_chunked_request_is_taken(addresses, batch, span):
    """Exporters may send without a length."""
    otlp, query = addresses
    body = json.dumps(batch(span())).encode()
    answer = requests.post(f"{otlp}/v1/traces", data=iter([body[:10], body[10:]]), headers=JSON, timeout=5)
    assert answer.status_code == 200, answer.text
    assert requests.get(f"{query}/api/traces/1", timeout=5).status_code == 200


def test_a_client_that_leaves_in_the_middle_does_no_harm(addresses):
    """Half a body, then nothing: the next request is answered."""
    otlp, query = addresses
    with socket.create_connection(("127.0.0.1", int(otlp.rpartition(":")[2]))) as connection:
        connection.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    assert requests.get(f"{query}/readyz", timeout=5).status_code == 200
    assert requests.get(f"{query}/api/telemetry", timeout=5).json()["traces"]["receivedSpans"] == 0


def test_a_port_that_is_taken_is_named():
    """It says which port, in one line, and exits with 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(port, free_ports()[0])
        output, _ = process.communicate(timeout=20)
    assert (process.returncode, f"Cannot listen on 127.0.0.1:{port}" in output, "Traceback" in output) == (1, True, False), output


def test_a_setting_that_cannot_be_used_is_named():
    """It says which variable, and exits with 1."""
    process = start(*free_ports(), SHOP_STORE_MAX_SPANS="many")
    output, _ = process.communicate(timeout=20)
    assert (process.returncode, "SHOP_STORE_MAX_SPANS" in output, "Traceback" in output) == (1, True, False), output
