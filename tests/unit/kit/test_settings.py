import msgspec
import pytest

from vshop.kit.settings import Settings, SettingsError, load, table


def test_defaults_listen_on_loopback():
    settings = load({})

    assert settings == Settings()
    assert (settings.host, settings.orders_port, settings.kafka_trace, settings.payloads) == ("127.0.0.1", 8080, "child", "full")


def test_other_variables_are_ignored():
    assert load({"PATH": "/bin", "OTEL_SERVICE_NAME": "x", "shop_host": "x", "MY_SHOP_HOST": "x"}) == Settings()


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("SHOP_ORDERS_PORT", "65535", 65535),
        ("SHOP_HOST", "0.0.0.0", "0.0.0.0"),
        ("SHOP_KAFKA_TOPIC", "123", "123"),
        ("SHOP_KAFKA_GROUP", "null", "null"),
        ("SHOP_AUTH_READ_TIMEOUT_S", "0.25", 0.25),
        ("SHOP_AUTH_READ_TIMEOUT_S", "3", 3.0),
        ("SHOP_KAFKA_TRACE", "link", "link"),
        ("SHOP_PAYLOADS", "metadata", "metadata"),
        ("SHOP_DYNAMODB_ENDPOINT", "", ""),
    ],
)
def test_a_variable_sets_its_field(variable, text, value):
    read = getattr(load({variable: text}), variable.removeprefix("SHOP_").lower())

    assert read == value
    assert type(read) is type(value)


def test_an_empty_variable_counts_as_unset():
    assert load({"SHOP_HOST": "", "SHOP_ORDERS_PORT": ""}) == Settings()


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SHOP_ORDERS_PORT", "0"),
        ("SHOP_ORDERS_PORT", "65536"),
        ("SHOP_ORDERS_PORT", "-1"),
        ("SHOP_ORDERS_PORT", "http"),
        ("SHOP_ORDERS_PORT", "80 81"),
        ("SHOP_ORDERS_PORT", "80.5"),
        ("SHOP_AUTH_READ_TIMEOUT_S", "0"),
        ("SHOP_AUTH_READ_TIMEOUT_S", "2s"),
        ("SHOP_AUTH_CONNECT_TIMEOUT_S", "nan"),
        ("SHOP_AUTH_CONNECT_TIMEOUT_S", "inf"),
        ("SHOP_KAFKA_ACK_TIMEOUT_S", "inf"),
        ("SHOP_KAFKA_ACK_TIMEOUT_S", "1e400"),
        ("SHOP_OUTAGE_PATIENCE_S", "300"),
        ("SHOP_TOKEN_LIFETIME_S", "0"),
        ("SHOP_KAFKA_TRACE", "Child"),
        ("SHOP_PAYLOADS", "none"),
        ("SHOP_PAYLOAD_LIMIT_BYTES", "63"),
        ("SHOP_WRITE_ATTEMPTS", "0"),
        ("SHOP_DYNAMODB_TABLE", "a table"),  # DynamoDB would refuse it for ever
        ("SHOP_DYNAMODB_TABLE", "ab"),
        ("SHOP_DYNAMODB_TABLE", "t" * 248),
        ("SHOP_KAFKA_TOPIC", "new orders"),
        ("SHOP_KAFKA_TOPIC", "t" * 246),
    ],
)
def test_a_bad_value_is_named_with_its_variable(variable, text):
    with pytest.raises(SettingsError) as caught:
        load({variable: text})

    assert f"{variable}={text!r}" in str(caught.value)


def test_every_bad_value_is_named_at_once():
    wrong = {"SHOP_ORDERS_PORT": "x", "SHOP_KAFKA_TRACE": "y", "SHOP_AUTH_READ_TIMEOUT_S": "z", "SHOP_NONSENSE": "1"}

    with pytest.raises(SettingsError) as caught:
        load(wrong | {"SHOP_HOST": "fine"})

    assert all(variable in str(caught.value) for variable in wrong)
    assert "SHOP_HOST" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [("SHOP_ORDER_PORT", "SHOP_ORDERS_PORT"), ("SHOP_KAFKA_BOOTSTRAPS", "SHOP_KAFKA_BOOTSTRAP"), ("SHOP_PAYLOAD", "SHOP_PAYLOADS")],
)
def test_an_unknown_variable_is_named_with_the_nearest_known(variable, meant):
    """A typo must not silently become the default."""
    with pytest.raises(SettingsError, match=f"{variable}: no such setting; did you mean {meant}\\?"):
        load({variable: "1"})


@pytest.mark.parametrize("variable", ["SHOP_", "SHOP_ZZZZZZ", "SHOP_host_"])
def test_an_unknown_variable_without_a_near_one_is_named_too(variable):
    with pytest.raises(SettingsError, match=f"{variable}: no such setting"):
        load({variable: "1"})


def test_the_table_describes_every_setting():
    rows = table()

    assert [row[0] for row in rows] == [f"SHOP_{field.name.upper()}" for field in msgspec.structs.fields(Settings)]
    assert all(description.endswith((".", ")")) for *_, description in rows)
    defaults = {variable: default for variable, _, default, _ in rows if default not in ("", "None", "[]", "()")}
    assert load(defaults) == Settings()
