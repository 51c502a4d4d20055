import pytest
import requests

from vshop.incidents.loader import load_catalogue
from vshop.incidents.verify import verify
from vshop.runtime.kubernetes.kubectl import Kubectl
from vshop.shop.addresses import Addresses
from vshop.shop.client import ShopClient
from vshop.shop.traces import TraceReader, missing_hop

OVERLAY = "local"
CATALOGUE = load_catalogue()
pytestmark = pytest.mark.timeout(900)  # whichever test comes first also waits for the cluster


def test_one_command_and_the_first_order_is_one_whole_trace(up, reader: TraceReader, kubectl: Kubectl):
    trace = reader.get(up["traceId"])
    pods = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in kubectl.json("get", "pods")["items"]}

    assert missing_hop(trace) is None
    assert len(trace.spans) == 7
    for span in trace.spans:
        pod, node = span.resource["k8s.pod.name"], span.resource["k8s.node.name"]
        assert (pod.startswith(f"{span.service}-"), pods[pod]) == (True, node)


def test_commands_work_unchanged(run_vshop, up):
    status = run_vshop("status")
    before = run_vshop("stock", "3")["ordered"]
    order = run_vshop("order", "--item", "3")

    assert (status["ready"], {name: part["url"] for name, part in status["parts"].items()}) == (True, up["addresses"])
    assert run_vshop("trace", order["traceId"])["missing"] is None
    assert run_vshop("stock", "3")["ordered"] == before + 1
    assert {"orders", "stock-updater"} <= {record["service"] for record in run_vshop("logs", "--trace", order["traceId"])}


def test_links_lead_to_the_forwarded_jaeger(addresses: Addresses, client: ShopClient):
    placed = client.place_order(1)

    assert requests.get(f"{addresses.console}/api/shop", timeout=20).json()["jaeger"] == f"{addresses.traces}/trace/{{traceId}}"
    assert placed.trace_url == f"{addresses.traces}/trace/{placed.trace_id}"


def test_a_switch_outlives_the_consoles_pod(addresses: Addresses, kubectl: Kubectl, eventually):
    switch = f"{addresses.console}/chaos/pricing-type-error"
    assert requests.put(switch, json={}, timeout=20).ok
    before = kubectl.run("get", "pods", "--selector=app.kubernetes.io/name=console", "--output=name").stdout

    kubectl.run("delete", "--wait=false", *before.split())

    def is_on_elsewhere():
        after = kubectl.run("get", "pods", "--selector=app.kubernetes.io/name=console", "--output=name").stdout
        return not set(before.split()) & set(after.split()) and requests.get(switch, timeout=5).json()["on"]

    assert eventually(is_on_elsewhere)
    assert eventually(lambda: requests.delete(switch, timeout=20).ok)


def test_a_token_outlives_the_stubs_pod(client: ShopClient, kubectl: Kubectl, eventually):
    token = client.token()

    kubectl.run("delete", "pod", "--selector=app.kubernetes.io/name=auth-stub", timeout_s=90)

    assert eventually(lambda: client.place_order(1, token=token).accepted)
    assert eventually(client.token)  # the forward leads to the new pod


@pytest.mark.parametrize("incident", CATALOGUE.values(), ids=list(CATALOGUE))
def test_incident_is_verified(incident, client: ShopClient, addresses: Addresses):
    verdict = verify(incident, client, TraceReader(addresses.traces))
    assert verdict.verified, "\n".join(map(str, verdict.failed))
