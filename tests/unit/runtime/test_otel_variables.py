import pytest

from vshop.runtime.local.environment import for_service, settle

STORE = "http://127.0.0.1:4318"
MINE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://mine.example", "OTEL_EXPORTER_OTLP_HEADERS": "key=secret"}


def test_an_endpoint_gets_a_copy_beside_the_store():
    found = settle(MINE, "sdk", STORE)

    assert found.variables == MINE | {"VSHOP_STORE_ENDPOINT": STORE}
    assert found.notes == []


@pytest.mark.parametrize("same", ["http://localhost:4318", "http://127.0.0.1:4318/v1/traces"])
def test_the_stores_own_address_makes_no_second_copy(same):
    found = settle({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": same}, "sdk", STORE)

    assert found.variables == {"OTEL_EXPORTER_OTLP_ENDPOINT": STORE}
    assert found.notes == []


def test_every_variable_that_is_dropped_is_reported_without_its_value():
    env = {"OTEL_EXPORTER_OTLP_HEADERS": "key=secret", "OTEL_SERVICE_NAME": "mine", "OTEL_PYTHON_METER_PROVIDER": "x"}

    found = settle(env, "sdk", STORE)

    assert found.variables == {"OTEL_EXPORTER_OTLP_ENDPOINT": STORE}
    assert all(any(name in note for note in found.notes) for name in env)
    assert "secret" not in str(found.notes)


def test_zero_code_sends_to_the_store_and_keeps_none():
    found = settle(MINE | {"OTEL_METRICS_EXPORTER": "none", "OTEL_TRACES_EXPORTER": "zipkin"}, "zero-code", STORE)

    assert found.variables == {"OTEL_METRICS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": STORE}
    assert "OTEL_EXPORTER_OTLP_HEADERS" in found.notes[0]
    assert "OTEL_TRACES_EXPORTER" in found.notes[0]


def test_an_agent_keeps_its_endpoint():
    assert settle(MINE, "my-agent", STORE).variables == MINE
    assert settle({}, "my-agent", STORE).variables == {"OTEL_EXPORTER_OTLP_ENDPOINT": STORE}


def test_each_service_has_its_own_port_for_prometheus():
    env = {"OTEL_METRICS_EXPORTER": "prometheus"}

    found = [for_service(env, name) for name in ("orders", "auth-stub", "stock-updater", "observatory")]

    assert found == [{"OTEL_EXPORTER_PROMETHEUS_PORT": port} for port in ("9464", "9465", "9466")] + [{}]
