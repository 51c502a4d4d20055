import msgspec
import pytest

from vshop.incidents import load_catalogue
from vshop.incidents.loader import CatalogueError
from vshop.incidents.telemetry_fault import (
    TELEMETRY_FAULTS,
    UnknownTelemetryFaultError,
    load_telemetry_fault,
    load_telemetry_faults,
)
from vshop.kit.demo_data import ITEMS
from vshop.kit.telemetry import SHOP_SERVICES

FAULTS = load_telemetry_faults()
IDS = {
    "late-parent",
    "missing-parent",
    "missing-root",
    "clock-ahead",
    "clock-behind",
    "duplicated-span",
    "truncated-trace-id",
    "lost-attributes",
    "cut-payload",
    "out-of-order-logs",
    "dropped-links",
    "queue-overflow",
    "consumer-exporter-died",
    "wrong-service-name",
    "logs-without-trace",
    "sampling-head",
    "sampling-tail-errors",
    "sampling-tail-late-consumer",
    "sampling-two-samplers",
}


def test_the_catalogue_holds_nineteen_telemetry_faults():
    assert FAULTS.keys() == IDS
    assert FAULTS.keys() & load_catalogue().keys() == set()


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_fault_alters_the_shop_and_orders_what_is_in_stock(fault):
    named = {service for one in fault.alter for service in one.services} | {fault.answer.service}

    assert named <= set(SHOP_SERVICES)
    assert ITEMS[fault.order.item_id].stock > 100
    assert fault.answer.component.startswith("telemetry/")
    assert "traces" not in {one.signal for one in fault.concludes}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=list(FAULTS))
def test_a_conclusion_does_not_come_from_what_is_withheld(fault):
    """stock-updater's metrics cannot tell what happened while they are dropped."""
    dropped = {
        (signal, service) for one in fault.alter if one.action == "drop" for signal in one.signals for service in one.services
    }
    for one in fault.concludes:
        if one.metric is not None:
            owner = "orders" if one.metric.name == "shop.orders.placed" else "stock-updater"
            assert ("metrics", owner) not in dropped
        if one.log is not None:
            assert ("logs", one.log.service) not in dropped


def test_a_file_with_an_unknown_action_is_refused_with_its_path(tmp_path):
    text = (TELEMETRY_FAULTS / "missing-root.yaml").read_text(encoding="utf-8")
    (tmp_path / "missing-root.yaml").write_text(text.replace("action: drop", "action: loose"), encoding="utf-8")

    with pytest.raises(CatalogueError, match=r"missing-root\.yaml.*\$\.alter\[0\]\.action"):
        load_telemetry_faults(tmp_path)


def test_an_unknown_id_names_near_ones():
    with pytest.raises(UnknownTelemetryFaultError, match="Did you mean missing-root") as caught:
        load_telemetry_fault("missing-rot")

    assert "vshop telemetry-faults list" in str(caught.value)


def test_a_conclusion_has_one_signal():
    fault = msgspec.to_builtins(FAULTS["missing-root"])
    fault["concludes"][0]["stock"] = True

    with pytest.raises(msgspec.ValidationError, match="exactly one of"):
        msgspec.convert(fault, type(FAULTS["missing-root"]))
