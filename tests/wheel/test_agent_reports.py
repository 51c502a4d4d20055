import sys

import pytest
import requests

from tests.wheel.conftest import uv
from vshop.conformance.instrumentation import measure
from vshop.fixture import ShopProcess
from vshop.incidents import load_incident
from vshop.incidents.verify import verify
from vshop.kit.telemetry import SHOP_SERVICES
from vshop.runtime.local.shop import Shop
from vshop.runtime.model import processes
from vshop.runtime.model.options import Options
from vshop.shop.addresses import find
from vshop.shop.client import PASSWORD

AGENTS = {
    # Without their dependencies: OpenTelemetry's API and wrapt are the shop's.
    "ddtrace-run": (["ddtrace", "envier", "bytecode"], {"OTEL_TRACES_EXPORTER": "otlp", "DD_TRACE_OTEL_ENABLED": "true"}),
    "elasticapm-run": (["elastic-apm", "ecs-logging"], {"ELASTIC_APM_SERVER_URL": "http://127.0.0.1:9"}),
}


@pytest.fixture(scope="module", params=AGENTS)
def agent(request, proxies, tmp_path_factory):
    packages, env = AGENTS[request.param]
    folder = tmp_path_factory.mktemp("agent")
    target = folder / "packages"
    uv(proxies, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable, "--target", str(target), *packages)
    path = processes.python_path({"PYTHONPATH": str(target)})
    command = f"env PYTHONPATH={path} {target}/bin/{request.param}"
    options = Options(free_ports=True, home=str(folder / "home"), env=env | {"SHOP_TELEMETRY": command}, aot=False, timeout_s=100)
    with Shop.start(options) as running:
        yield request.param, ShopProcess(find(running.state.home, {}), exclusive=True, runs=running)


def test_the_report_shows_what_arrives(agent):
    """Ddtrace cuts the trace off at the consumer, unless DD_KAFKA_PROPAGATION_ENABLED is set; Elastic's agent sends no OTLP."""
    name, process = agent

    report = measure(process.client, process.traces, lambda _: None, 4.0)

    hops = {hop.hop: hop for hop in report.hops}
    if name == "elasticapm-run":
        assert [hop.span for hop in report.hops] == [""] * len(hops)
        return
    assert {hop: one.parent for hop, one in hops.items() if one.parent != "intact"} == dict.fromkeys(
        ("process record", "GetItem", "PutItem"), "cut off"
    )
    assert [hop for hop, one in hops.items() if one.kind != one.expected_kind] == []
    assert (hops["process record"].span, hops["PutItem"].span) == ("kafka.consume", "dynamodb.putitem")
    assert hops["POST /orders"].error == "yes"


@pytest.mark.parametrize("incident", ["auth-token-expired", "stock-put-missing-key", "stock-sold-out"])
def test_outcomes_hold_under_an_agent(agent, incident):
    name, process = agent

    verdict = verify(load_incident(incident), process.client, process.traces)

    assert verdict.failed == []
    assert verdict.telemetry.endswith(name)
    assert not verdict.telemetry_judged


def test_no_secret_is_in_what_arrives(agent):
    _, process = agent
    token = process.client.token()
    process.client.place_order(2, token=token)
    process.client.place_order(3, token=token, headers={"baggage": "shop.chaos=stock-put-missing-key"})
    process.client.flush()

    url = process.addresses.observatory
    queries = [(f"{url}/api/traces", {"service": service, "limit": 10_000}) for service in SHOP_SERVICES]
    queries += [(f"{url}/api/logs", {"limit": 10_000}), (f"{url}/api/metrics", {})]
    exported = "".join(requests.get(where, params=query, timeout=60).text for where, query in queries)

    words = [*(part[:24] for part in token.split(".")[1:]), PASSWORD, "stock-put-missing-key"]
    assert [word for word in words if word in exported] == []
