import pytest

from vshop.kit.settings import SettingsError
from vshop.kit.telemetry.modes import with_defaults
from vshop.kit.telemetry.variables import check, restriction


def nothing(_group):
    return ()


@pytest.mark.parametrize(
    ("env", "command"),
    [
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            r"OTEL_EXPORTER_OTLP_PROTOCOL=grpc needs .*: pip install 'virtual-shop\[grpc\]'",
        ),
        (
            {"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL=http/json needs .*: pip install opentelemetry-exporter-otlp-json-http",
        ),
        ({"OTEL_METRICS_EXPORTER": "prometheus"}, "pip install opentelemetry-exporter-prometheus"),
        ({"OTEL_PROPAGATORS": "tracecontext,b3"}, r"OTEL_PROPAGATORS=b3 needs .*: pip install 'virtual-shop\[propagators\]'"),
        ({"OTEL_PROPAGATORS": "jaeger"}, r"pip install 'virtual-shop\[propagators\]'"),
        ({"OTEL_PYTHON_ID_GENERATOR": "xray"}, "pip install opentelemetry-sdk-extension-aws"),
    ],
    ids=str,
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(env, command):
    with pytest.raises(SettingsError, match=command):
        check(env, nothing)
    check(env, lambda _group: {"otlp_proto_grpc", "otlp_json_http", "prometheus", "b3", "jaeger", "xray"})


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"OTEL_BSP_SCHEDULE_DELAY": "", "OTEL_PROPAGATORS": " ", "OTEL_CONFIG_FILE": ""},
        {"OTEL_PROPAGATORS": "tracecontext, baggage,xray", "OTEL_TRACES_EXPORTER": "console,otlp", "OTEL_LOGS_EXPORTER": "none"},
        {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"},
        {"OTEL_BSP_MAX_QUEUE_SIZE": "20000", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "20000"},
        {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "unset", "OTEL_ATTRIBUTE_COUNT_LIMIT": "0"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:secret@otel.example/base", "OTEL_EXPORTER_OTLP_TIMEOUT": "0.5"},
    ],
    ids=str,
)
def test_what_the_specification_allows_is_accepted(env):
    check(env, nothing)


@pytest.mark.parametrize(
    ("env", "word"),
    [
        ({"OTEL_BLRP_MAX_QUEUE_SIZE": "100"}, "OTEL_BLRP_MAX_QUEUE_SIZE=100"),
        ({"OTEL_BSP_SCHEDULE_DELAY": "soon"}, "OTEL_BSP_SCHEDULE_DELAY"),
        ({"OTEL_METRIC_EXPORT_INTERVAL": "0"}, "OTEL_METRIC_EXPORT_INTERVAL"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "7"}, "OTEL_TRACES_SAMPLER_ARG"),
        ({"OTEL_METRICS_EXEMPLAR_FILTER": "sometimes"}, "OTEL_METRICS_EXEMPLAR_FILTER"),
        ({"OTEL_EXPORTER_OTLP_COMPRESSION": "brotli"}, "OTEL_EXPORTER_OTLP_COMPRESSION"),
        ({"OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "gcp"}, "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=gcp"),
        ({"OTEL_EXPERIMENTAL_CONFIG_FILE": "otel.yaml"}, "OTEL_EXPERIMENTAL_CONFIG_FILE"),
    ],
    ids=str,
)
def test_a_value_that_the_sdk_would_refuse_names_its_variable(env, word):
    with pytest.raises(SettingsError, match=word):
        check(env, nothing)


def test_an_endpoint_that_is_refused_is_not_printed():
    with pytest.raises(SettingsError) as refused:
        check({"OTEL_EXPORTER_OTLP_ENDPOINT": "user:secret@otel.example"}, nothing)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("env", "lacking"),
    [
        ({}, ""),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_on"}, ""),
        ({"OTEL_TRACES_SAMPLER": "traceidratio"}, ""),
        ({"OTEL_TRACES_SAMPLER_ARG": "0.1"}, ""),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, "traces are sampled away: OTEL_TRACES_SAMPLER=parentbased_always_off"),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
            "traces are sampled away: OTEL_TRACES_SAMPLER_ARG=0.1",
        ),
        ({"OTEL_METRICS_EXPORTER": "none"}, "no metrics: OTEL_METRICS_EXPORTER=none"),
        ({"OTEL_METRICS_EXPORTER": "none,otlp", "OTEL_LOGS_EXPORTER": "console"}, ""),
        ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "128", "OTEL_SPAN_EVENT_COUNT_LIMIT": "128"}, ""),
        ({"OTEL_SPAN_EVENT_COUNT_LIMIT": "0"}, "traces are cut: OTEL_SPAN_EVENT_COUNT_LIMIT=0"),
        ({"OTEL_PYTHON_FLASK_EXCLUDED_URLS": "orders"}, "traces lack requests: OTEL_PYTHON_FLASK_EXCLUDED_URLS=orders"),
    ],
    ids=str,
)
def test_variables_that_take_telemetry_away_are_named(env, lacking):
    assert restriction(env) == lacking


def test_tail_sampling_is_reported_after_the_variables():
    env = {"OTEL_LOGS_EXPORTER": "none"}

    assert restriction(env, 0.5) == "no logs: OTEL_LOGS_EXPORTER=none; traces are tail-sampled: SHOP_TAIL_SAMPLING=0.5"
    assert restriction({}, 100.0) == ""


def test_lists_of_the_user_extend_the_shops():
    """Health checks make no spans, and no header that is captured names an incident."""
    env = {
        "OTEL_PYTHON_EXCLUDED_URLS": "mine",
        "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS": "x-mine",
        "OTEL_BSP_SCHEDULE_DELAY": "",
    }

    merged = with_defaults(env, "orders")

    assert merged["OTEL_PYTHON_FLASK_EXCLUDED_URLS"].startswith("mine,")
    assert "readyz" in merged["OTEL_PYTHON_FLASK_EXCLUDED_URLS"]
    assert merged["OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS"].startswith("x-mine,")
    assert merged["OTEL_BSP_SCHEDULE_DELAY"] == "200"
    assert merged["OTEL_SERVICE_NAME"] == "orders"
