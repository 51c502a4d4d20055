"""What is emitted is held against the semantic conventions; each rule finds what it is there for."""

import copy
import json

import pytest
from typer.testing import CliRunner

import vshop
from vshop.cli.app import app
from vshop.conformance import check
from vshop.conformance.rules import load_deviations, load_rules
from vshop.corpus.otlp import SIGNALS
from vshop.corpus.reading import GOLDEN

CORPUS = vshop.load_corpus()


def documents(case):
    """Return a case's telemetry."""
    return {signal: [copy.deepcopy(case.otlp(signal))] for signal in SIGNALS}


def spans(content, kind):
    """Return the spans of a kind."""
    groups = content["traces"][0]["resourceSpans"]
    return [span for group in groups for scope in group["scopeSpans"] for span in scope["spans"] if span["kind"] == kind]


def without(owner, name):
    """Take an attribute away."""
    owner["attributes"] = [pair for pair in owner["attributes"] if pair["key"] != name]


def put(owner, name, **value):
    """Set an attribute."""
    without(owner, name)
    owner["attributes"].append({"key": name, "value": value})


def test_the_golden_corpus_has_no_violation():
    """Every incident and twin; each deviation that is known is still seen somewhere."""
    report = check({signal: [case.otlp(signal) for case in CORPUS.values()] for signal in SIGNALS})

    assert report.violations == []
    assert min(report.checked.values()) > 0
    seen = {(one.rule, one.group, one.attribute) for one in report.deviations}
    named = {(one.rule, one.group, name) for one in load_deviations() for name in one.attributes}
    assert seen == named


BREAKS = {
    "missing": lambda content: without(spans(content, 2)[0], "url.path"),
    "type": lambda content: put(spans(content, 5)[0], "messaging.kafka.offset", stringValue="7"),
    "value": lambda content: put(spans(content, 4)[0], "messaging.operation.type", stringValue="publish"),
    "name": lambda content: spans(content, 4)[0].update(name="queuing.retail_site.new_orders send"),
    "status": lambda content: spans(content, 2)[0].update(status={"code": 1}),
    "unknown": lambda content: put(spans(content, 2)[0], "chaos", boolValue=True),
    "deprecated": lambda content: put(spans(content, 2)[0], "http.method", stringValue="POST"),
    "kind": lambda content: spans(content, 5)[0].update(attributes=[]),
    "unit": lambda content: metric(content, "http.server.request.duration").update(unit="ms"),
    "instrument": lambda content: metric(content, "shop.orders.placed").update(name="http.server.request.duration", unit="s"),
}


def metric(content, name):
    """Return a metric."""
    groups = content["metrics"][0]["resourceMetrics"]
    return next(one for group in groups for scope in group["scopeMetrics"] for one in scope["metrics"] if one["name"] == name)


@pytest.mark.parametrize("rule", BREAKS)
def test_each_rule_finds_what_it_is_there_for(rule):
    """One thing is made wrong, and named with a link to the convention."""
    content = documents(CORPUS["stock-slow-but-healthy"])
    BREAKS[rule](content)

    found = [one for one in check(content).violations if one.rule == rule]

    assert found
    assert found[0].link.startswith("https://opentelemetry.io/")


def test_an_error_needs_its_type():
    """``error.type`` is required when, and only when, a span is one."""
    content = documents(CORPUS["stock-put-missing-key"])
    without(next(span for span in spans(content, 5) if span["status"].get("code") == 2), "error.type")

    (found,) = check(content).violations

    assert (found.rule, found.group, found.attribute) == ("missing", "messaging.process", "error.type")


def test_a_resource_without_a_service_is_found():
    """It would be nobody's."""
    content = documents(CORPUS["auth-token-missing"])
    for signal, name in (("traces", "resourceSpans"), ("logs", "resourceLogs"), ("metrics", "resourceMetrics")):
        for group in content[signal][0][name]:
            without(group["resource"], "service.name")

    assert {(one.group, one.attribute) for one in check(content).violations} >= {("service", "service.name")}


def test_every_rule_and_every_deviation_has_a_link():
    """For whoever wants to know why."""
    rules = load_rules()
    groups = [*rules.spans, *rules.events, *rules.logs, *rules.resources, *rules.metrics]

    assert all(group.link.startswith("https://opentelemetry.io/docs/specs/") for group in groups)
    assert all(one.reason and one.link.startswith("https://") for one in load_deviations())


def test_the_command_tells_a_person_and_a_program():
    """Exit status 1 when something violates a convention."""
    told = CliRunner().invoke(app, ["conformance", str(GOLDEN)])
    data = CliRunner().invoke(app, ["conformance", str(GOLDEN), "--json"])

    assert (told.exit_code, data.exit_code) == (0, 0)
    assert "0 violations" in told.stdout
    assert json.loads(data.stdout)["violations"] == []
