import copy
import json

import pytest
from typer.testing import CliRunner

import vshop
from vshop.cli import app
from vshop.conformance import check
from vshop.conformance.rules import load_deviations, load_rules
from vshop.corpus.loader import GOLDEN
from vshop.corpus.otlp import SIGNALS

CORPUS = vshop.load_corpus()


def documents(case):
    return {signal: [copy.deepcopy(case.otlp(signal))] for signal in SIGNALS}


def spans(content, kind):
    groups = content["traces"][0]["resourceSpans"]
    return [span for group in groups for scope in group["scopeSpans"] for span in scope["spans"] if span["kind"] == kind]


def without(owner, name):
    owner["attributes"] = [pair for pair in owner["attributes"] if pair["key"] != name]


def put(owner, name, **value):
    without(owner, name)
    owner["attributes"].append({"key": name, "value": value})


def test_the_golden_corpus_has_no_violation():
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
    groups = content["metrics"][0]["resourceMetrics"]
    return next(one for group in groups for scope in group["scopeMetrics"] for one in scope["metrics"] if one["name"] == name)


@pytest.mark.parametrize("rule", BREAKS)
def test_each_rule_finds_its_violation(rule):
    content = documents(CORPUS["stock-slow-but-healthy"])
    BREAKS[rule](content)

    found = [one for one in check(content).violations if one.rule == rule]

    assert found
    assert found[0].link.startswith("https://opentelemetry.io/")


def test_error_span_needs_error_type():
    content = documents(CORPUS["stock-put-missing-key"])
    without(next(span for span in spans(content, 5) if span["status"].get("code") == 2), "error.type")

    (found,) = check(content).violations

    assert (found.rule, found.group, found.attribute) == ("missing", "messaging.process", "error.type")


def test_a_resource_without_a_service_is_found():
    content = documents(CORPUS["auth-token-missing"])
    for signal, name in (("traces", "resourceSpans"), ("logs", "resourceLogs"), ("metrics", "resourceMetrics")):
        for group in content[signal][0][name]:
            without(group["resource"], "service.name")

    assert {(one.group, one.attribute) for one in check(content).violations} >= {("service", "service.name")}


def test_every_rule_and_every_deviation_has_a_link():
    rules = load_rules()
    groups = [*rules.spans, *rules.events, *rules.logs, *rules.resources, *rules.metrics]

    assert all(group.link.startswith("https://opentelemetry.io/docs/specs/") for group in groups)
    assert all(one.reason and one.link.startswith("https://") for one in load_deviations())


def test_command_prints_text_and_json():
    text = CliRunner().invoke(app, ["conformance", str(GOLDEN)])
    data = CliRunner().invoke(app, ["conformance", str(GOLDEN), "--json"])

    assert (text.exit_code, data.exit_code) == (0, 0)
    assert "0 violations" in text.stdout
    assert json.loads(data.stdout)["violations"] == []
