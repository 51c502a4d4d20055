"""The catalogue, the code and the documents agree: each incident has its file, its site, its page."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from vshop.incidents import load_catalogue
from vshop.incidents.checking import check_catalogue
from vshop.incidents.docs import make_docs
from vshop.incidents.expectation import ALERT_RULES
from vshop.incidents.schema import SCHEMA_FILE, schema_text

PROJECT = Path(__file__).parents[2]
CATALOGUE = load_catalogue()
SITE = re.compile(r"""chaos\.on\(\s*["']([a-z0-9-]+)["']""")
SITES = {
    (match, str(path.relative_to(PROJECT)))
    for path in sorted((PROJECT / "services").rglob("*.py"))
    for match in SITE.findall(path.read_text(encoding="utf-8"))
}


def test_every_file_is_as_it_should_be():
    """Schema, references, pairs, rules, code."""
    assert check_catalogue() == []


def test_the_catalogue_holds_sixteen_faults_and_five_twins():
    """As many as are promised."""
    faults = [incident.id for incident in CATALOGUE.values() if incident.fault]

    assert (len(faults), len(CATALOGUE) - len(faults)) == (16, 5)


def test_the_schema_is_made_from_the_types():
    """`python -m vshop.incidents.schema > src/vshop/incidents/schema.json`."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()


def test_the_page_is_made_from_the_catalogue():
    """`vshop incidents docs > docs/incidents.md`."""
    assert (PROJECT / "docs" / "incidents.md").read_text(encoding="utf-8") == make_docs(CATALOGUE)


@pytest.mark.parametrize("incident", [one for one in CATALOGUE.values() if one.switch], ids=lambda one: one.id)
def test_what_can_be_switched_has_one_site_in_the_services_it_names(incident):
    """A fault's is in the very file that its root cause names."""
    places = {place for name, place in SITES if name == incident.id}

    assert len(places) == 1
    assert {place.split("/")[1].replace("_", "-") for place in places} <= set(incident.switch.services)
    if incident.root_cause is not None:
        assert places == {incident.root_cause.code}


def test_every_site_has_its_file():
    """No switch without its ground truth."""
    assert {name for name, _ in SITES} <= set(CATALOGUE)


def test_the_alert_rules_are_those_of_the_observatory():
    """By their ids."""
    rules = yaml.safe_load((PROJECT / "services" / "observatory" / "alert_rules.yaml").read_text(encoding="utf-8"))

    assert {rule["id"] for rule in rules} == set(ALERT_RULES)


def test_importing_the_catalogue_is_light():
    """Neither YAML, nor the schema's validator, nor anything that speaks HTTP is imported before it is needed."""
    heavy = "yaml, jsonschema, requests, opentelemetry, vshop.kit, vshop.client"
    code = f"import sys, vshop.incidents; print([one for one in '{heavy}'.split(', ') if one in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    assert done.stdout.strip() == "[]"
