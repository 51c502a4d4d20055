import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from vshop.incidents import load_catalogue
from vshop.incidents.loader import CATALOGUE as CATALOGUE_FOLDER
from vshop.incidents.loader import read_yaml
from vshop.incidents.patterns import ALERT_RULES
from vshop.incidents.schema import SCHEMA_FILE, check_catalogue, schema_text

PROJECT = Path(__file__).parents[2]
CATALOGUE = load_catalogue()
SITE = re.compile(r"""chaos\.on\(\s*["']([a-z0-9-]+)["']""")
SITES = {
    (match, str(path.relative_to(PROJECT)))
    for path in sorted((PROJECT / "services").rglob("*.py"))
    for match in SITE.findall(path.read_text(encoding="utf-8"))
}


def test_every_file_passes_the_catalogue_checks():
    assert check_catalogue() == []


def test_the_catalogue_holds_sixteen_faults_and_five_twins():
    faults = [incident.id for incident in CATALOGUE.values() if incident.fault]

    assert (len(faults), len(CATALOGUE) - len(faults)) == (16, 5)


def test_every_file_follows_the_schema_that_editors_read():
    validator = Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))

    assert {
        path.name: error.message for path in CATALOGUE_FOLDER.glob("*.yaml") for error in validator.iter_errors(read_yaml(path))
    } == {}


def test_the_schema_is_made_from_the_types():
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()


def culprit(incident):
    return next(span for span in [*incident.expect.spans, *incident.expect.absent] if span.root_cause)


def test_faults_of_the_same_kind_accept_the_same_components():
    rejected = [
        one for one in CATALOGUE.values() if one.fault and str(culprit(one).name).startswith("DynamoDB.") and culprit(one).status
    ]
    accepted = {
        one.id: {one.answer.component, *one.answer.acceptable.get("component", [])}
        for one in rejected
        if culprit(one).status == "ERROR"
    }

    assert len(accepted) == 4
    assert {frozenset(each) for each in accepted.values()} == {frozenset({"dynamodb/item-stock", "stock-updater/table"})}


def test_a_fault_whose_orders_can_be_recovered_has_a_recovery():
    """Orders that stock-updater dead-letters or leaves on the topic reach the stock once the fault is off."""
    lost = [
        one
        for one in CATALOGUE.values()
        if one.fault
        and culprit(one).service == "stock-updater"
        and one.symptom.status == 202
        and not any(s.change for s in one.symptom.stocks)
    ]

    assert {one.id for one in lost if one.recovery is None} == set()
    for one in lost:
        assert one.recovery.stocks == one.steady_state.stocks
        assert one.recovery.replay_dead_letters == bool(one.symptom.dead_letters)


@pytest.mark.parametrize("incident", [one for one in CATALOGUE.values() if one.switch], ids=lambda one: one.id)
def test_an_incident_has_one_site_in_its_services(incident):
    places = {place for name, place in SITES if name == incident.id}

    assert len(places) == 1
    assert {place.split("/")[1].replace("_", "-") for place in places} <= set(incident.switch.services)
    if incident.root_cause is not None:
        assert places == {incident.root_cause.code}


def test_every_site_has_an_incident_file():
    assert {name for name, _ in SITES} <= set(CATALOGUE)


def test_the_alert_rules_are_those_of_the_observatory():
    rules = yaml.safe_load((PROJECT / "services" / "observatory" / "alerting" / "rules.yaml").read_text(encoding="utf-8"))

    assert {rule["id"] for rule in rules} == set(ALERT_RULES)


def test_importing_the_catalogue_is_light():
    heavy = "yaml, requests, opentelemetry, vshop.kit, vshop.shop.client"
    code = f"import sys, vshop.incidents; print([one for one in '{heavy}'.split(', ') if one in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    assert done.stdout.strip() == "[]"
