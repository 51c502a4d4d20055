"""A JSON Schema (2020-12) for editors, and checks of what types cannot express.

``python -m vshop.incidents.schema`` prints the schema, which is committed as ``schema.json``.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from vshop.incidents.incident import Incident
from vshop.incidents.loader import CATALOGUE, CatalogueError, load_incident
from vshop.incidents.patterns import ALERT_RULES
from vshop.kit.telemetry import SHOP_SERVICES

SCHEMA_FILE = Path(__file__).parent / "schema.json"
_NEEDED_IN_FAULTS = {
    "rootCause": "a fault needs it",
    "answer": "a fault needs it",
    "rollback": "a fault needs it",
    "switch": "a fault needs one",
    "propagation": "a fault needs at least one step from its cause to the shopper",
}


def make_schema() -> dict[str, Any]:
    """Return the schema of an incident file."""
    (_root,), definitions = msgspec.json.schema_components([Incident], ref_template="#/$defs/{name}")
    definitions = _without_null(definitions)
    incident = definitions.pop("Incident")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An incident of the virtual shop",
        **{key: value for key, value in incident.items() if key != "title"},
        "allOf": [
            {
                "if": {"properties": {"fault": {"const": True}}},
                "then": {"required": [*_NEEDED_IN_FAULTS], "properties": {"harmless": False}},
                "else": {"required": ["harmless"], "properties": {"rootCause": False, "answer": False}},
            },
            {"if": {"required": ["switch"]}, "then": {"required": ["steadyState"]}},
        ],
        "$defs": definitions,
    }


def _without_null(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _without_null(value) for key, value in schema.items() if not (key == "default" and value is None)}
    choices = [choice for choice in kept.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        return {key: value for key, value in kept.items() if key != "anyOf"} | choices[0]
    return kept | {"anyOf": choices} if choices else kept


def schema_text() -> str:
    """Return the schema as the text of ``schema.json``."""
    return json.dumps(make_schema(), indent=2) + "\n"


def check_catalogue(folder: Path = CATALOGUE) -> list[str]:
    """List all problems of a catalogue, each as ``file: path: problem``."""
    found: list[str] = []
    known: dict[str, Incident] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            known[path.stem] = load_incident(path.stem, path.parent)
        except CatalogueError as error:
            found.append(str(error))
    project = project_folder()
    return found + [f"{one.id}.yaml: {problem}" for one in known.values() for problem in problems(one, known, project)]


def project_folder() -> Path | None:
    """Return the checkout; None in an installed package."""
    top = Path(__file__).parents[3]
    return top if (top / "services" / "orders").is_dir() else None


def problems(incident: Incident, known: Mapping[str, Incident], project: Path | None) -> list[str]:
    """List the problems of an incident. Without a checkout, code paths are not checked."""
    checks = (_kind(incident), _culprit(incident), _references(incident), _pair(incident, known), _names(incident))
    found = [problem for check in checks for problem in check]
    cause = incident.root_cause
    if project and cause and not (project / cause.code).is_file():
        found.append(f"$.rootCause.code: there is no file {cause.code!r}")
    return found


def _kind(incident: Incident) -> Iterator[str]:
    given = msgspec.to_builtins(incident)
    for key, problem in _NEEDED_IN_FAULTS.items():
        if incident.fault and not given.get(key):
            yield f"$.{key}: {problem}"
        if not incident.fault and given.get(key) and key in {"rootCause", "answer"}:
            yield f"$.{key}: nothing is wrong in a twin (fault: false)"
    if incident.switch is not None and incident.steady_state is None:
        yield "$.steadyState: what is switched needs it, to know what clean is"
    if incident.fault == (incident.harmless is not None):
        yield "$.harmless: " + ("only a twin has it" if incident.fault else "a twin needs it: why is nothing wrong?")


def _culprit(incident: Incident) -> Iterator[str]:
    expect = incident.expect
    marks = [f"$.expect.spans[{index}]" for index, span in enumerate(expect.spans) if span.root_cause]
    marks += [f"$.expect.absent[{index}]" for index, span in enumerate(expect.absent) if span.root_cause]
    if incident.fault and len(marks) != 1:
        yield f"$.expect: a fault has exactly one rootCause: true, here are {len(marks)}{': ' if marks else ''}{', '.join(marks)}"
    if not incident.fault and marks:
        yield f"{marks[0]}.rootCause: a twin has none"
    for index, span in enumerate(expect.absent):
        if span.root_cause and span.under is None:
            yield f"$.expect.absent[{index}].under: a missing culprit needs it, to say after which span it is missing"


def _references(incident: Incident) -> Iterator[str]:
    labels: list[str] = []
    recovery = incident.recovery.spans if incident.recovery else []
    for path, spans in (("$.expect.spans", incident.expect.spans), ("$.recovery.spans", recovery)):
        for index, span in enumerate(spans):
            yield from _unknown(f"{path}[{index}].under", "no span before it is called", span.under, labels)
            if span.relation is not None and span.under is None:
                yield f"{path}[{index}].relation: it needs under, to say to what"
            if span.label in labels:
                yield f"{path}[{index}].as: {span.label!r} appears twice"
            labels.append(span.label)
    expected = [span.label for span in incident.expect.spans]
    for index, pattern in enumerate(incident.expect.absent):
        yield from _unknown(f"$.expect.absent[{index}].under", "no span is called", pattern.under, expected)
    for index, log in enumerate(incident.expect.logs):
        yield from _unknown(f"$.expect.logs[{index}].correlated", "no span is called", log.correlated, expected)


def _pair(incident: Incident, known: Mapping[str, Incident]) -> Iterator[str]:
    if incident.pair_of is None:
        return
    other = known.get(incident.pair_of)
    if other is None:
        yield f"$.pairOf: there is no incident {incident.pair_of!r}"
    elif other.fault == incident.fault:
        yield f"$.pairOf: {other.id} is a {'fault' if other.fault else 'twin'} too; a pair is a fault and its twin"


def _names(incident: Incident) -> Iterator[str]:
    alerts = incident.expect.alerts
    for path, patterns in (("firing", alerts.firing), ("notFiring", alerts.silent)):
        for index, alert in enumerate(patterns):
            yield from _unknown(f"$.expect.alerts.{path}[{index}]", "there is no rule", alert.rule, ALERT_RULES)
    for number, service in enumerate(incident.switch.services if incident.switch else []):
        yield from _unknown(f"$.switch.services[{number}]", "there is no service", service, SHOP_SERVICES)
    if incident.root_cause is not None:
        yield from _unknown("$.rootCause['service.name']", "there is no service", incident.root_cause.service, SHOP_SERVICES)


def _unknown(path: str, problem: str, name: str | None, known: Sequence[str]) -> Iterator[str]:
    if name is not None and name not in known:
        yield f"{path}: {problem} {name!r}; there are {', '.join(known) or 'none'}"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
