import re
from pathlib import Path

import msgspec
import pytest

import vshop
from vshop import _pytest_plugin
from vshop.corpus.otlp import rows
from vshop.incidents import load_catalogue
from vshop.incidents.telemetry_fault import load_telemetry_faults
from vshop.incidents.verify.verdict import Verdict
from vshop.kit.chaos.baggage import HEADER
from vshop.kit.settings import Settings
from vshop.kit.telemetry.modes import NONE, SDK, VARIABLE, ZERO_CODE
from vshop.shop.hops import HopReport
from vshop.shop.spans import attributes

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
V1 = Path(__file__).with_name("promised_v1.txt")
KINDS = ("", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
CORPUS = vshop.load_corpus()


def section(title):
    return re.split(r"^## ", PAGE.partition(f"## {title}\n")[2], flags=re.MULTILINE)[0]


def names(text):
    return re.findall(r"`([^`]+)`", text)


def table(title):
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def emitted(signal):
    for case in CORPUS.values():
        yield from rows(case.otlp(signal), signal)


def test_the_services_are_those_that_emit():
    promised = set(names(section("Services"))) - {"service.name"}

    assert promised == {row.service for signal in ("traces", "logs", "metrics") for row in emitted(signal)}


def test_every_span_is_on_the_page_and_every_one_on_the_page_is_emitted():
    promised = {
        (names(row[0])[0], row[1], names(row[2])[0].replace("{topic}", topic))
        for row in table("Spans")
        for topic in ("queuing.retail_site.new_orders", "queuing.retail_site.new_orders.dlq")
    }
    seen = {(row.service, KINDS[row.item["kind"]], row.item["name"]) for row in emitted("traces")}

    assert seen <= promised
    without_topic = {(service, kind, name.removesuffix(".dlq")) for service, kind, name in promised - seen}
    assert without_topic - {(service, kind, name.removesuffix(".dlq")) for service, kind, name in seen} == {
        ("auth-stub", "SERVER", "POST /oauth/token")
    }


def test_the_shops_own_attributes_are_those_on_the_spans():
    promised = {name for row in table("Attributes") for name in names(row[0])}
    seen = {name for row in emitted("traces") for name in attributes(row.item["attributes"]) if name.startswith("shop.")}

    assert promised == seen


def test_the_outcomes_are_those_of_the_code():
    from stock_updater.item import OrderOutcome  # noqa: PLC0415 - only this test looks into a service

    cell = next(row[2] for row in table("Attributes") if "shop.order.outcome" in row[0])
    assert names(cell) == [one.value for one in OrderOutcome]


def test_the_metrics_are_emitted():
    promised = set(names(section("Metrics")))

    assert promised == {row.item["name"] for row in emitted("metrics")}


def test_topics_and_table_are_the_defaults():
    settings = Settings()

    promised = [names(row[0])[0] for row in table("Topics and tables")]
    assert promised == [settings.kafka_topic, f"{settings.kafka_topic}.dlq", settings.dynamodb_table]


@pytest.mark.parametrize(("endpoint", "service"), [(name, row[1]) for row in table("Endpoints") for name in names(row[0])])
def test_endpoint_is_a_route_of_its_service(endpoint, service):
    service = service.partition(",")[0].replace("-", "_")
    folder = ROOT / "src" / "vshop" / "kit" if service.startswith("every service") else ROOT / "services" / service
    sources = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))

    method, path = endpoint.split(" ")
    short = path.removeprefix("/v1").removeprefix("/api/v3").removeprefix("/api")
    assert re.search(rf'\.{method.lower()}\("(/api|/v1|/api/v3)?{re.escape(short)}"', sources)


def test_the_incidents_are_those_of_the_catalogue():
    promised = {name: row[0] for row in table("Incidents") for name in names(row[1]) if row[0] in {"fault", "twin"}}

    assert promised == {one.id: "fault" if one.fault else "twin" for one in load_catalogue().values()}


def test_the_telemetry_faults_are_those_of_the_catalogue():
    assert names(next(row for row in table("Incidents") if row[0] == "telemetry fault")[1]) == sorted(load_telemetry_faults())


def test_the_json_fields_are_those_of_the_reports():
    promised = [names(row[1]) for row in table("JSON of the commands")]

    assert promised == [[field.encode_name for field in msgspec.structs.fields(report)] for report in (Verdict, HopReport)]


def test_the_telemetry_modes_are_those_of_the_settings():
    assert {VARIABLE, SDK, NONE, ZERO_CODE, HEADER} <= set(names(section("Telemetry modes")))


def test_the_fixtures_and_options_are_the_plugins():
    fixtures = [name for name in vars(_pytest_plugin) if name.startswith("virtual_shop")]
    options = [f"--vshop-{name}" for name, _ in _pytest_plugin._OPTIONS]

    assert sorted(names(section("Fixtures and options"))) == sorted(fixtures + options)


def test_nothing_that_was_promised_in_version_1_is_gone():
    """Removing a name needs version 2 of the page, with its own file here."""
    promised = set(V1.read_text(encoding="utf-8").split("\n")) - {""}

    assert "**Version 1.**" in PAGE
    assert promised - set(names(PAGE)) == set()
