"""Each row of docs/otel_variables.yaml, which is the table in docs/settings.md, on shops that ``vshop up`` starts."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
import yaml
from confluent_kafka import Consumer, TopicPartition
from opentelemetry.instrumentation import auto_instrumentation

from tests.embedded.conftest import Observatory
from tests.embedded.receivers import Received, grpc_receiver, http_receiver
from tests.waiting import wait_until
from vshop.kit.kafka.record import is_context_header
from vshop.runtime.model import ports
from vshop.runtime.model.parts import PARTS
from vshop.shop.addresses import find
from vshop.shop.client import ShopClient

pytestmark = pytest.mark.slow
ROWS = yaml.safe_load((Path(__file__).parents[2] / "docs" / "otel_variables.yaml").read_text(encoding="utf-8"))
REFUSED = [row for row in ROWS if "refused" in row]
TRIED = [row for row in ROWS if "shop" in row]
SERVICES = ("orders", "auth-stub", "stock-updater")
TOPIC = "queuing.retail_site.new_orders"
CONTEXTS = {
    "b3,baggage": {"b3"},
    "b3multi": {"x-b3-traceid", "x-b3-spanid", "x-b3-sampled"},
    "jaeger": {"uber-trace-id"},
    "xray": {"x-amzn-trace-id"},
}
PLANTED = "plantedsecret" * 20


def vshop(*arguments: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SHOP_", "OTEL_"))}
    command = [sys.executable, "-c", "from vshop.cli import main; main()", *arguments]
    own = {"VSHOP_HOME": str(home), "COLUMNS": "400"}
    return subprocess.run(command, env=kept | own | env, capture_output=True, text=True, timeout=110, check=False)


class Tried(NamedTuple):
    name: str
    home: Path
    variables: dict[str, str]
    printed: str
    answer: dict[str, Any]
    client: ShopClient
    observatory: Observatory
    posted: list[Received]
    called: set[str]

    def log(self, service: str) -> str:
        return (self.home / "logs" / f"{service}.log").read_text(errors="replace")


@pytest.fixture(scope="module", params=list(dict.fromkeys(row["shop"] for row in TRIED)))
def tried(request, tmp_path_factory) -> Iterator[Tried]:
    home = tmp_path_factory.mktemp(request.param)
    names = list(dict.fromkeys(name for part in PARTS if part.name != "jaeger" for name in part.ports))
    numbers = [f"--port={name}={port}" for name, port in zip(names, ports.free(len(names)), strict=True)]
    with ExitStack() as stack:
        http_port, posted = stack.enter_context(http_receiver())
        grpc_port, handler = stack.enter_context(grpc_receiver())
        places = {"http": http_port, "grpc": grpc_port, "prometheus": ports.free(3)[0]}
        mine = [row["set"] for row in TRIED if row["shop"] == request.param]
        variables = {name: value.format(**places) for values in mine for name, value in values.items()}
        done = vshop("up", *numbers, "--jaeger=none", "--json", "--timeout=100", home=home, **variables)
        stack.callback(vshop, "down", home=home)
        assert done.returncode == 0, done.stderr
        where = find(str(home), {})
        client, observatory = ShopClient(where), Observatory(where.observatory)
        yield Tried(
            request.param, home, variables, done.stderr, json.loads(done.stdout), client, observatory, posted, handler.called
        )


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: next(iter(row["set"])))
def test_a_value_that_cannot_work_is_refused_with_a_sentence(row, tmp_path, request):
    done = vshop("up", home=tmp_path, **row["set"])
    request.addfinalizer(lambda: done.returncode or vshop("down", home=tmp_path))

    assert done.returncode == 1
    assert re.search(row["refused"], done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "logs").exists(), "nothing was started"


def test_each_row_does_what_it_says(tried):
    for row in [row for row in TRIED if row["shop"] == tried.name]:
        for note in row.get("notes", []):
            port = tried.variables.get("OTEL_EXPORTER_PROMETHEUS_PORT", "")
            assert note.replace("{prometheus}", port) in tried.printed, row
        if "telemetry" in row:
            assert row["telemetry"] in tried.answer["telemetry"], row
            assert tried.client.telemetry_mode() == tried.answer["telemetry"]
        if "check" in row:
            CHECKS[row["check"]](tried)


def test_the_services_report_no_error(tried):
    for service in SERVICES:
        lines = tried.log(service).splitlines()  # of the console exporters too, which print several lines for a record
        found = [line for line in lines if (line.startswith("{") and '"ERROR"' in line) or line.startswith("Traceback")]
        assert [line for line in found if "ValidationException" not in line and "POST /orders" not in line] == []


def test_an_agent_in_front_of_vshop_up_does_not_reach_the_services(tmp_path, request):
    """As OpenTelemetry's operator for Kubernetes and ``opentelemetry-instrument`` do it: by a folder on PYTHONPATH."""
    request.addfinalizer(lambda: vshop("down", home=tmp_path))
    folder = str(Path(auto_instrumentation.__file__).parent)

    done = vshop("up", "--free-ports", "--json", "--timeout=100", home=tmp_path, PYTHONPATH=folder)

    assert done.returncode == 0, done.stderr
    assert "telemetry" not in json.loads(done.stdout)
    observatory = Observatory(find(str(tmp_path), {}).observatory)
    assert set(observatory.json("/api/services")["data"]) == set(SERVICES)
    text = json.dumps(observatory.trace(json.loads(done.stdout)["traceId"]))
    assert "[REDACTED]" in text
    assert "eyJ" not in text


def whole_trace(tried: Tried) -> None:
    assert "telemetry" not in tried.answer
    spans = tried.observatory.trace(tried.answer["traceId"])["spans"]
    assert len(spans) == 7


def no_trace(tried: Tried) -> None:
    where = f"{tried.client.addresses.observatory}/api/traces/{tried.answer['traceId']}"
    assert requests.get(where, timeout=10).status_code == 404


def outcome_is_verified(tried: Tried) -> None:
    no_trace(tried)
    (verdict,) = json.loads(vshop("verify", "stock-put-missing-key", "--json", home=tried.home).stdout)
    assert (verdict["verified"], verdict["telemetryJudged"]) == (True, False)
    assert "no metrics: OTEL_METRICS_EXPORTER=none" in verdict["telemetry"]


def incident_is_verified(tried: Tried) -> None:
    done = vshop("verify", "stock-put-missing-key", "--json", home=tried.home)
    (verdict,) = json.loads(done.stdout)
    assert (verdict["verified"], verdict["telemetryJudged"]) == (True, False), verdict
    assert tried.answer["telemetry"] == verdict["telemetry"]


def cut_secrets_are_redacted(tried: Tried) -> None:
    """Headers are exported as JSON, which the limit cuts somewhere in the token."""
    requests.post(f"{tried.client.addresses.orders}/orders", json={}, headers={"authorization": f"Bearer {PLANTED}"}, timeout=10)
    tried.client.flush()
    bodies = b"".join(one.body for one in tried.posted)
    assert b"/orders" in bodies
    assert b"shop.http.request.headers" in bodies
    assert PLANTED[:12].encode() not in bodies
    assert b"eyJ" not in bodies


def own_names(tried: Tried) -> None:
    assert set(tried.observatory.json("/api/services")["data"]) == set(SERVICES)


def resource_attributes(tried: Tried) -> None:
    processes = tried.observatory.trace(tried.answer["traceId"])["processes"].values()
    found = [{tag["key"]: tag["value"] for tag in process["tags"]}.get("team") for process in processes]
    assert set(found) == {"a"}


def copy_of_all_signals(tried: Tried) -> None:
    wanted = {f"/base/v1/{signal}" for signal in ("traces", "metrics", "logs")}
    wait_until(lambda: {one.path for one in tried.posted} == wanted)
    bodies = b"".join(one.body for one in tried.posted)
    assert bytes.fromhex(tried.answer["traceId"]) in bodies
    assert b"Bearer" in bodies
    assert b"eyJ" not in bodies
    whole_trace(tried)


def headers(tried: Tried) -> None:
    assert {one.headers.get("x-key") for one in tried.posted} == {"mine"}


def gzipped(tried: Tried) -> None:
    assert {one.headers.get("content-encoding") for one in tried.posted} == {"gzip"}


def copy_of_traces_in_json(tried: Tried) -> None:
    copies = wait_until(lambda: tried.posted)
    assert {(one.path, one.headers["content-type"]) for one in copies} == {("/only/traces", "application/json")}
    wait_until(lambda: any(tried.answer["traceId"] in one.body.decode() for one in tried.posted))
    whole_trace(tried)


def copy_over_grpc(tried: Tried) -> None:  # without traces, which another row of the same shop sends to the console only
    wait_until(lambda: {method.split(".")[-1] for method in tried.called} == {"LogsService/Export", "MetricsService/Export"})
    assert tried.observatory.json("/api/services")["data"], "the shop's store has its copy"


def prometheus(tried: Tried) -> None:
    first = int(tried.variables["OTEL_EXPORTER_PROMETHEUS_PORT"])
    for port, service in enumerate(("orders", "auth-stub", "stock-updater"), first):
        assert f'service_name="{service}"' in requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
    tried.client.flush()
    assert tried.client.metrics("shop.orders.placed"), "the shop's store has its copy"


def console_logs(tried: Tried) -> None:
    wait_until(lambda: '"body": "placing new order' in tried.log("orders"))
    assert wait_until(lambda: tried.client.logs(traceId=tried.answer["traceId"]))


def console_spans(tried: Tried) -> None:
    wait_until(lambda: '"name": "POST /orders"' in tried.log("orders"))
    assert "eyJ" not in tried.log("orders")
    assert tried.observatory.json("/api/services")["data"], "the shop's store has its copy"


def xray_ids(tried: Tried) -> None:
    assert abs(int(tried.answer["traceId"][:8], 16) - time.time()) < 3600


def one_context_on_each_record(tried: Tried) -> None:
    broken = tried.client.place_order(3, headers={"baggage": "tenant=7,shop.chaos=stock-put-missing-key"})
    letter = wait_until(lambda: [one for one in tried.client.dead_letters() if str(broken.order_id) in one["value"]])[0]
    assert letter["errorType"] == "ValidationException"
    assert tried.client.replay(letter["id"])["replayed"] is True
    wait_until(lambda: broken.order_id in tried.client.item(3)["recent"])

    records = [found for value, found in _records(tried) if str(broken.order_id) in value]
    assert len(records) == 2
    for found in records:
        context = [(name.lower(), value.decode()) for name, value in found if is_context_header(name)]
        names = [name for name, _ in context if not name.startswith(("baggage", "uberctx-"))]
        assert sorted(names) == sorted(CONTEXTS[tried.variables["OTEL_PROPAGATORS"]])
        assert any(broken.trace_id in value.replace("-", "") for _, value in context)
    assert "shop.chaos" not in str(records[1])


def order_is_reported(tried: Tried) -> None:
    done = vshop("order", "--json", "--timeout=5", home=tried.home)
    assert json.loads(done.stdout)["status"] == 202
    assert "Traceback" not in done.stderr


def _records(tried: Tried) -> list[tuple[str, list[tuple[str, bytes]]]]:
    address = json.loads((tried.home / "state.json").read_text())["ports"]["kafka"]
    consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{address}", "group.id": "reader", "enable.partition.eof": False})
    partitions = consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
    found = []
    for partition in partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), timeout=10)
        consumer.assign([TopicPartition(TOPIC, partition, low)])
        found += [wait_until(lambda: consumer.poll(1)) for _ in range(low, high)]
    consumer.close()
    found.sort(key=lambda message: message.timestamp()[1])
    return [((message.value() or b"").decode(), message.headers() or []) for message in found]


CHECKS = {name: globals()[name] for name in {row["check"] for row in TRIED if "check" in row}}
