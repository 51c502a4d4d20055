import pytest

from vshop.kit.settings import SettingsError, load
from vshop.runtime.local import environment
from vshop.runtime.model.options import Options
from vshop.runtime.model.parts import NAMES, PARTS

PORTS = {name: number + 1 for part in PARTS for name, number in part.ports.items()}
MINE = {
    "SHOP_PAYLOADS": "metadata",
    "OTEL_SERVICE_NAME": "mine",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_PROFILE": "work",
    "LANG": "C",
}


ELSEWHERE = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://elsewhere",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    "OTEL_EXPORTER_OTLP_HEADERS": "key=a",
    "OTEL_TRACES_EXPORTER": "console",
    "OTEL_RESOURCE_ATTRIBUTES": "team=a",
}


def test_ordinary_shop_passes_settings_but_no_credentials() -> None:
    env = environment.build(Options(), PORTS, "run", MINE)
    assert env["SHOP_PAYLOADS"] == "metadata"
    assert env["AWS_SECRET_ACCESS_KEY"] == "embedded"
    assert "AWS_PROFILE" not in env


def test_telemetry_goes_to_the_shops_own_receiver_and_to_the_users() -> None:
    env = environment.build(Options(), PORTS, "run", MINE | ELSEWHERE)
    assert "OTEL_SERVICE_NAME" not in env
    assert env["VSHOP_STORE_ENDPOINT"] == "http://127.0.0.1:4319"
    assert ELSEWHERE.items() <= env.items()


def test_an_agent_may_have_its_own_receiver() -> None:
    env = environment.build(Options(env={"SHOP_TELEMETRY": "my-agent"}), PORTS, "run", ELSEWHERE)
    assert ELSEWHERE.items() <= env.items()
    env = environment.build(Options(), PORTS, "run", {"SHOP_TELEMETRY": "my-agent"})
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4319"


def test_without_an_own_receiver_the_shells_is_used() -> None:
    env = environment.build(Options(parts=("orders",)), PORTS, "run", ELSEWHERE)
    assert ELSEWHERE.items() <= env.items()


def test_agents_on_the_path_reach_no_part(tmp_path) -> None:
    (tmp_path / "sitecustomize.py").touch()
    env = environment.build(Options(), PORTS, "run", {"PYTHONPATH": f"{tmp_path}:/mine"})
    assert str(tmp_path) not in env["PYTHONPATH"]
    assert env["PYTHONPATH"].endswith(":/mine")


@pytest.mark.parametrize("mode", ["sdk", "none", "my-agent"])
def test_propagators_that_are_not_installed_are_refused(mode) -> None:
    with pytest.raises(SettingsError, match="OTEL_PROPAGATORS=no-such"):
        environment.build(Options(), PORTS, "run", {"OTEL_PROPAGATORS": "no-such, tracecontext", "SHOP_TELEMETRY": mode})


def test_shop_on_free_ports_is_isolated() -> None:
    env = environment.build(Options(free_ports=True, env={"SHOP_KAFKA_TRACE": "link"}), PORTS, "run", MINE)
    assert not {"SHOP_PAYLOADS", "OTEL_SERVICE_NAME", "AWS_PROFILE"} & set(env)
    assert env["SHOP_KAFKA_TRACE"] == "link"
    assert env["LANG"] == "C"


def test_settings_hold_all_addresses() -> None:
    env = environment.build(Options(), PORTS, "run", {})
    settings = load({key: value for key, value in env.items() if key.startswith("SHOP_")})
    assert settings.orders_port == 8081
    assert settings.auth_url == "http://127.0.0.1:8082"
    assert settings.kafka_bootstrap == "127.0.0.1:9093"
    assert settings.dynamodb_endpoint == "http://127.0.0.1:8001"
    assert settings.trace_url == "http://127.0.0.1:16687/trace/{traceId}"
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4319"


def test_omitted_part_keeps_its_address() -> None:
    parts = tuple(name for name in NAMES if name not in ("kafka", "dynamodb"))
    env = environment.build(Options(parts=parts), PORTS, "run", MINE | {"SHOP_KAFKA_BOOTSTRAP": "broker:9092"})
    assert env["SHOP_KAFKA_BOOTSTRAP"] == "broker:9092"
    assert "SHOP_DYNAMODB_ENDPOINT" not in env
    assert env["AWS_SECRET_ACCESS_KEY"] == "real"


def test_loopback_bypasses_the_proxy() -> None:
    env = environment.build(Options(), PORTS, "run", {"NO_PROXY": "intranet"})
    assert env["NO_PROXY"] == "intranet,127.0.0.1,localhost"


def test_bytecode_goes_to_the_cache() -> None:
    env = environment.build(Options(), PORTS, "run", {"PYTHONDONTWRITEBYTECODE": "1", "VSHOP_CACHE": "/nowhere"})
    assert "PYTHONDONTWRITEBYTECODE" not in env
    assert env["PYTHONPYCACHEPREFIX"].endswith("bytecode")
