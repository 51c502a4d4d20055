"""Checks what one file says against itself, the other files and the code: what no schema can say."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from vshop.incidents.expectation import ALERT_RULES
from vshop.incidents.incident import Incident
from vshop.incidents.span_patterns import ExpectedSpan

SERVICES = ("orders", "auth-stub", "stock-updater")


def problems(incident: Incident, known: Mapping[str, Incident], project: Path | None) -> list[str]:
    """List what is wrong with an incident, each with its place in the file.

    Args:
        incident: the one to check.
        known: all incidents by id.
        project: the folder above ``services/``; None when the code is not here to be looked at.
    """
    checks = (
        _kind(incident),
        _culprit(incident),
        _references(incident),
        _pair(incident, known),
        _names(incident),
        _code(incident, project),
    )
    return [problem for check in checks for problem in check]


def _kind(incident: Incident) -> Iterator[str]:
    """A fault has a cause, a switch and an answer; a twin has a reason why nothing is wrong."""
    for key, value in (("rootCause", incident.root_cause), ("answer", incident.answer), ("rollback", incident.rollback)):
        if incident.fault and value is None:
            yield f"$.{key}: a fault needs it"
    for key, value in (("rootCause", incident.root_cause), ("answer", incident.answer)):
        if not incident.fault and value is not None:
            yield f"$.{key}: nothing is wrong in a twin (fault: false)"
    if incident.fault and incident.switch is None:
        yield "$.switch: a fault needs one"
    if incident.fault and not incident.propagation:
        yield "$.propagation: a fault needs at least one step from its cause to the shopper"
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
            yield from _reference(f"{path}[{index}]", span, labels)
            if span.label in labels:
                yield f"{path}[{index}].as: {span.label!r} stands twice"
            labels.append(span.label)
    expected = [span.label for span in incident.expect.spans]
    for index, pattern in enumerate(incident.expect.absent):
        if pattern.under is not None and pattern.under not in expected:
            yield f"$.expect.absent[{index}].under: no span is called {pattern.under!r}; there are {', '.join(expected)}"
    for index, log in enumerate(incident.expect.logs):
        if log.correlated is not None and log.correlated not in expected:
            yield f"$.expect.logs[{index}].correlated: no span is called {log.correlated!r}; there are {', '.join(expected)}"


def _reference(path: str, span: ExpectedSpan, earlier: list[str]) -> Iterator[str]:
    if span.under is not None and span.under not in earlier:
        yield f"{path}.under: no span before it is called {span.under!r}; there are {', '.join(earlier) or 'none'}"
    if span.relation is not None and span.under is None:
        yield f"{path}.relation: it needs under, to say to what"


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
            if alert.rule not in ALERT_RULES:
                yield f"$.expect.alerts.{path}[{index}]: there is no rule {alert.rule!r}; there are {', '.join(ALERT_RULES)}"
    named = list(enumerate(incident.switch.services)) if incident.switch else []
    for number, service in named:
        if service not in SERVICES:
            yield f"$.switch.services[{number}]: there is no service {service!r}; there are {', '.join(SERVICES)}"
    if incident.root_cause is not None and incident.root_cause.service not in SERVICES:
        yield f"$.rootCause['service.name']: there is no service {incident.root_cause.service!r}; there are {', '.join(SERVICES)}"


def _code(incident: Incident, project: Path | None) -> Iterator[str]:
    if incident.root_cause is not None and project is not None and not (project / incident.root_cause.code).is_file():
        yield f"$.rootCause.code: there is no file {incident.root_cause.code!r}"
