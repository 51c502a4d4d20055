import pytest


def one(objects, kind, name=""):
    (found,) = (each for each in objects if each["kind"] == kind and each["metadata"]["name"].startswith(name))
    return found


@pytest.fixture(scope="module")
def scale(rendered):
    return rendered("scale")


def test_consumers_are_never_more_than_partitions(scale):
    scaled, settings = one(scale, "ScaledObject")["spec"], one(scale, "ConfigMap", "shop-")["data"]
    (trigger,) = scaled["triggers"]

    assert scaled["scaleTargetRef"] == {"name": "stock-updater"}
    assert str(scaled["maxReplicaCount"]) == settings["SHOP_KAFKA_PARTITIONS"]
    assert trigger["metadata"]["bootstrapServers"] == settings["SHOP_KAFKA_BOOTSTRAP"]
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert one(scale, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == "orders"


def test_every_record_lies_on_three_brokers(scale):
    brokers, kafka = one(scale, "StatefulSet", "kafka"), one(scale, "ConfigMap", "kafka-")["data"]
    voters = kafka["KAFKA_CONTROLLER_QUORUM_VOTERS"].split(",")

    assert brokers["spec"]["replicas"] == len(voters) == 3
    assert [voter.partition(".")[0] for voter in voters] == ["0@kafka-0", "1@kafka-1", "2@kafka-2"]
    assert one(scale, "ConfigMap", "shop-")["data"]["SHOP_KAFKA_REPLICATION"] == "3"
    assert kafka["KAFKA_MIN_INSYNC_REPLICAS"] == "2"


def test_evictions_take_one_replica_at_a_time(scale):
    budgets = {each["metadata"]["name"]: each["spec"] for each in scale if each["kind"] == "PodDisruptionBudget"}

    assert budgets.keys() == {"orders", "stock-updater", "kafka"}
    assert {name: budget["maxUnavailable"] for name, budget in budgets.items()} == dict.fromkeys(budgets, 1)


@pytest.mark.parametrize("name", ["orders", "stock-updater", "kafka"])
def test_pods_spread_over_nodes_and_zones(scale, name):
    (workload,) = (each for each in scale if each["kind"] in {"Deployment", "StatefulSet"} and each["metadata"]["name"] == name)
    spread = workload["spec"]["template"]["spec"]["topologySpreadConstraints"]

    assert {rule["topologyKey"] for rule in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    assert {rule["whenUnsatisfiable"] for rule in spread} == {"ScheduleAnyway"}
    assert all(rule["matchLabelKeys"] == ["app.kubernetes.io/name"] for rule in spread)


def test_aws_holds_addresses_and_names_secrets(rendered):
    objects = rendered("aws")
    settings = one(objects, "ConfigMap", "shop-")["data"]
    (updater,) = (each for each in objects if each["kind"] == "Deployment" and each["metadata"]["name"] == "stock-updater")
    sources = updater["spec"]["template"]["spec"]["containers"][0]["envFrom"]

    assert settings["SHOP_DYNAMODB_ENDPOINT"] == ""
    assert settings["SHOP_KAFKA_BOOTSTRAP"].endswith(":9096")
    assert [each for each in objects if each["kind"] == "Secret"] == []
    assert [source["secretRef"]["name"] for source in sources if "secretRef" in source] == ["kafka-login", "aws-credentials"]
