import re

import msgspec
import pytest
import yaml

from vshop.runtime.model.parts import PARTS, PUBLISHED
from vshop.shop.addresses import Addresses

PORTS = {part.name: set(part.ports.values()) for part in PARTS} | {"observatory": {PUBLISHED["observatory"][1]}}


def test_clients_use_the_published_ports():
    defaults = msgspec.to_builtins(Addresses())

    assert defaults == {name: f"http://127.0.0.1:{port}" for name, (_, port) in PUBLISHED.items()}


@pytest.mark.parametrize("name", PORTS)
def test_container_has_the_ports_of_the_table(root, name):
    service = yaml.safe_load((root / "docker-compose.yml").read_text(encoding="utf-8"))["services"][name]
    published = [re.fullmatch(r"127\.0\.0\.1:\$\{VSHOP_\w+_PORT:-(\d+)\}:(\d+)", port).groups() for port in service["ports"]]

    assert {int(outside) for outside, _ in published} == {int(inside) for _, inside in published} == PORTS[name]


@pytest.mark.parametrize("name", PORTS)
def test_kubernetes_service_has_the_ports_of_the_table(root, name):
    documents = yaml.safe_load_all((root / "deploy" / "k8s" / "base" / f"{name}.yaml").read_text(encoding="utf-8"))
    services = [one for one in documents if one["kind"] == "Service" and one["metadata"]["name"] == name]

    assert {port["port"] for one in services for port in one["spec"]["ports"]} == PORTS[name]
