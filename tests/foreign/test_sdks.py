"""An order that a program with another language's SDK caused is one trace. Each SDK uses its default exporter and protocol."""

import json
import os
import shutil

import pytest

from tests.embedded.test_cli import run as vshop
from tests.foreign.conftest import FOLDER

pytestmark = pytest.mark.timeout(1200)

TREE = [
    (0, "CLIENT", "place order"),
    (1, "SERVER", "POST /orders"),
    (2, "CLIENT", "GET"),
    (3, "SERVER", "GET /api/v2/users/<user_id>"),
    (2, "PRODUCER", "send queuing.retail_site.new_orders"),
    (3, "CONSUMER", "process queuing.retail_site.new_orders"),
    (4, "CLIENT", "DynamoDB.GetItem"),
    (4, "CLIENT", "DynamoDB.PutItem"),
]


@pytest.fixture
def javascript(install, tmp_path):
    folder = tmp_path / "javascript"
    shutil.copytree(FOLDER / "javascript", folder)
    install("npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", cwd=folder, needs="node npm")
    return "http", ["node", str(folder / "order.mjs")]


@pytest.fixture
def go(install, tmp_path):
    install("go", "build", "-o", str(tmp_path / "order"), ".", cwd=FOLDER / "go", needs="go")
    return "grpc", [str(tmp_path / "order")]


@pytest.fixture
def java(install, tmp_path):
    """OTLP/gRPC; the Java agent has another default, http/protobuf."""
    jars = tmp_path / "jars"
    install("mvn", "-q", "-B", "dependency:build-classpath", f"-Dmdep.outputFile={jars}", cwd=FOLDER / "java", needs="java mvn")
    return "grpc", ["java", "-cp", jars.read_text(encoding="utf-8"), str(FOLDER / "java" / "Order.java")]


@pytest.mark.parametrize("sdk", ["javascript", "go", "java"])
def test_order_is_below_the_clients_span(sdk, request, run, reader, console_trace, shared_shop):
    protocol, command = request.getfixturevalue(sdk)
    service = f"foreign-{sdk}"
    trace_id = run(*command, service=service, protocol=protocol).split()[-1]

    trace = reader.wait(trace_id, lambda found: len(found.spans) >= len(TREE), timeout_s=30)
    assert [(depth, span.kind, span.name) for depth, span in trace.walk()] == TREE
    assert ([root.service for root in trace.roots], trace.notes) == ([service], [])
    assert trace.roots[0].resource["telemetry.sdk.language"] == {"javascript": "nodejs"}.get(sdk, sdk)

    shown = console_trace(trace_id)
    assert ([span["name"] for span in shown["spans"] if not span["parent"]], shown["notes"]) == (["place order"], [])
    assert len(shown["spans"]) == len(TREE)

    printed = json.loads(vshop("trace", trace_id, "--json", home=shared_shop.state.home, PATH=os.environ["PATH"]).stdout)
    assert (printed["missing"], printed["notes"], len(printed["spans"])) == (None, [], len(TREE))
