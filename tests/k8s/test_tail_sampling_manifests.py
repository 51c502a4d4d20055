"""The overlay `tail-sampling`: the services send to a Collector, and the Collector to Jaeger. Without a cluster."""

import re

import pytest
import yaml


@pytest.fixture(scope="module")
def objects(rendered):
    return {(one["kind"], re.sub(r"-[0-9a-z]{10}$", "", one["metadata"]["name"])): one for one in rendered("tail-sampling")}


def test_services_send_to_the_collector_and_know_the_share(objects):
    settings = objects["ConfigMap", "shop"]["data"]
    served = {(name, port["port"]) for (kind, name), one in objects.items() if kind == "Service" for port in one["spec"]["ports"]}

    assert settings["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector:4318"
    assert settings["SHOP_TAIL_SAMPLING"] == "1"
    assert {("collector", 4318), ("collector", 4317), ("jaeger", 4318), ("jaeger", 4317)} <= served


def test_collector_has_the_configuration_of_compose(objects, root):
    (container,) = objects["Deployment", "collector"]["spec"]["template"]["spec"]["containers"]
    data = objects["ConfigMap", "collector"]["data"]
    compose = yaml.safe_load((root / "docker-compose.yml").read_text(encoding="utf-8"))
    (variable,) = (one for one in container["env"] if one["name"] == "SHOP_TAIL_SAMPLING")

    assert data == {"tail_sampling.yaml": (root / compose["configs"]["collector"]["file"]).read_text(encoding="utf-8")}
    assert container["args"][-1].endswith("/tail_sampling.yaml")
    assert variable["valueFrom"]["configMapKeyRef"]["name"] == objects["ConfigMap", "shop"]["metadata"]["name"]
    assert objects["Deployment", "collector"]["spec"]["replicas"] == 1


def test_policy_keeps_errors_and_exports_only_to_jaeger(root):
    """Metrics and logs are not sampled, so that they count every order."""
    config = yaml.safe_load((root / "deploy/collector/tail_sampling.yaml").read_text(encoding="utf-8"))
    pipelines, sampling = config["service"]["pipelines"], config["processors"]["tail_sampling"]

    assert {signal: one.get("processors", []) for signal, one in pipelines.items()} == {
        "traces": ["tail_sampling"],
        "metrics": [],
        "logs": [],
    }
    assert config["exporters"]["otlphttp"]["endpoint"].endswith("http://jaeger:4318}")
    assert [one["name"] for one in sampling["policies"]] == ["errors", "slow", "refused", "rest"]
    assert sampling["policies"][3]["probabilistic"] == {"sampling_percentage": "${env:SHOP_TAIL_SAMPLING:-1}"}
