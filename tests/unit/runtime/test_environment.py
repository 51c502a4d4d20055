"""Which variables reach the services."""

from vshop.kit.settings import load
from vshop.runtime import environment
from vshop.runtime.options import Options
from vshop.runtime.parts import NAMES, PARTS

PORTS = {name: number + 1 for part in PARTS for name, number in part.ports.items()}
MINE = {
    "SHOP_PAYLOADS": "metadata",
    "OTEL_SERVICE_NAME": "mine",
    "AWS_SECRET_ACCESS_KEY": "real",
    "AWS_PROFILE": "work",
    "LANG": "C",
}


def test_ordinary_shop() -> None:
    """An ordinary shop gets the user's settings but never real credentials."""
    env = environment.build(Options(), PORTS, "run", MINE)
    assert env["SHOP_PAYLOADS"] == "metadata"
    assert env["OTEL_SERVICE_NAME"] == "mine"
    assert env["AWS_SECRET_ACCESS_KEY"] == "embedded"
    assert "AWS_PROFILE" not in env


def test_isolated_shop() -> None:
    """A shop on free ports gets only what it is given."""
    env = environment.build(Options(free_ports=True, env={"SHOP_KAFKA_TRACE": "link"}), PORTS, "run", MINE)
    assert not {"SHOP_PAYLOADS", "OTEL_SERVICE_NAME", "AWS_PROFILE"} & set(env)
    assert env["SHOP_KAFKA_TRACE"] == "link"
    assert env["LANG"] == "C"


def test_addresses() -> None:
    """The services are told every address in settings they can read."""
    env = environment.build(Options(), PORTS, "run", {})
    settings = load({key: value for key, value in env.items() if key.startswith("SHOP_")})
    assert settings.orders_port == 8081
    assert settings.auth_url == "http://127.0.0.1:8082"
    assert settings.kafka_bootstrap == "127.0.0.1:9093"
    assert settings.dynamodb_endpoint == "http://127.0.0.1:8001"
    assert settings.trace_url == "http://127.0.0.1:16687/trace/{traceId}"
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4319"


def test_part_left_out() -> None:
    """A part left out keeps the address it has."""
    parts = tuple(name for name in NAMES if name not in ("kafka", "dynamodb"))
    env = environment.build(Options(parts=parts), PORTS, "run", MINE | {"SHOP_KAFKA_BOOTSTRAP": "broker:9092"})
    assert env["SHOP_KAFKA_BOOTSTRAP"] == "broker:9092"
    assert "SHOP_DYNAMODB_ENDPOINT" not in env
    assert env["AWS_SECRET_ACCESS_KEY"] == "real"


def test_proxy() -> None:
    """Loopback is never asked of a proxy."""
    env = environment.build(Options(), PORTS, "run", {"NO_PROXY": "intranet"})
    assert env["NO_PROXY"] == "intranet,127.0.0.1,localhost"


def test_byte_code() -> None:
    """Byte code that may not lie beside the source is kept in the cache."""
    env = environment.build(Options(), PORTS, "run", {"PYTHONDONTWRITEBYTECODE": "1", "VSHOP_CACHE": "/nowhere"})
    assert "PYTHONDONTWRITEBYTECODE" not in env
    assert env["PYTHONPYCACHEPREFIX"].endswith("bytecode")
