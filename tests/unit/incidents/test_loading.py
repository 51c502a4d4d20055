import pytest
from jsonschema import Draft202012Validator

from vshop.incidents import CatalogueError, UnknownIncidentError, load_catalogue, load_incident
from vshop.incidents.loader import read_yaml
from vshop.incidents.schema import check_catalogue, make_schema


def test_catalogue_is_sorted_by_id(catalogue):
    assert list(load_catalogue(catalogue())) == ["orders-break", "orders-seem-broken"]


def test_valid_catalogue_has_no_problems(catalogue):
    assert check_catalogue(catalogue()) == []


def test_unknown_id_names_similar_ids(catalogue):
    with pytest.raises(UnknownIncidentError, match=r"no incident 'orders-brake'\. Did you mean orders-break"):
        load_incident("orders-brake", catalogue())


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("titel", "x", "orders-break.yaml: Object contains unknown field `titel`"),
        ("id", "orders-other", r"orders-break.yaml: \$.id is 'orders-other'; it must be the file's name"),
        ("trigger", {"waitMs": 5, "order": {"itemId": 1}}, r"a step has either an order or waitMs - at `\$.trigger`"),
        (
            "symptom",
            {"shopper": "x", "body": {"a": {"matches": "("}}},
            r"'\(' is not a regular expression.* - at `\$.symptom.body\[...\]`",
        ),
        ("symptom", {"shopper": "x", "status": {}}, r"a test needs one of matches.* - at `\$.symptom.status`"),
        ("expect", {"spans": []}, r"length >= 1 - at `\$.expect.spans`"),
        (
            "expect",
            {"spans": [{"as": "a"}], "metrics": [{"name": "m", "moves": {}}]},
            r"needs either by or atLeast - at `\$.expect.metrics\[0\].moves`",
        ),
    ],
)
def test_invalid_file_is_rejected_with_its_path(catalogue, key, value, message):
    with pytest.raises(CatalogueError, match=message):
        load_catalogue(catalogue(lambda fault: fault.update({key: value})))


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [", "broken.yaml: not YAML"), ("a: 1\nb: {c: 1, c: 2}\n", "broken.yaml:2: the key 'c' appears twice")],
)
def test_invalid_yaml_is_rejected(tmp_path, text, message):
    (tmp_path / "broken.yaml").write_text(text)

    with pytest.raises(CatalogueError, match=message):
        load_catalogue(tmp_path)


def spoil_expect(section, index, **changes):
    return lambda fault: fault["expect"][section][index].update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda fault: fault.pop("rootCause"), "$.rootCause: a fault needs it"),
        (lambda fault: fault.pop("switch"), "$.switch: a fault needs one"),
        (lambda fault: fault.pop("steadyState"), "$.steadyState: what is switched needs it, to know what clean is"),
        (lambda fault: fault.update(harmless="x"), "$.harmless: only a twin has it"),
        (
            lambda fault: fault.update(propagation=[]),
            "$.propagation: a fault needs at least one step from its cause to the shopper",
        ),
        (lambda fault: fault.update(pairOf="nobody-knows"), "$.pairOf: there is no incident 'nobody-knows'"),
        (
            lambda fault: fault.update(pairOf="orders-break"),
            "$.pairOf: orders-break is a fault too; a pair is a fault and its twin",
        ),
        (lambda fault: fault["switch"].update(services=["order"]), "$.switch.services[0]: there is no service 'order'"),
        (
            lambda fault: fault["rootCause"].update(code="services/nowhere.py"),
            "$.rootCause.code: there is no file 'services/nowhere.py'",
        ),
        (spoil_expect("spans", 1, rootCause=False), "$.expect: a fault has exactly one rootCause: true, here are 0"),
        (
            spoil_expect("spans", 0, rootCause=True),
            "$.expect: a fault has exactly one rootCause: true, here are 2: $.expect.spans[0], $.expect.spans[1]",
        ),
        (
            spoil_expect("absent", 0, rootCause=True),
            "$.expect.absent[0].under: a missing culprit needs it, to say after which span",
        ),
        (
            spoil_expect("spans", 1, under="nobody"),
            "$.expect.spans[1].under: no span before it is called 'nobody'; there are entry",
        ),
        (spoil_expect("spans", 0, relation="child"), "$.expect.spans[0].relation: it needs under, to say to what"),
        (spoil_expect("spans", 1, **{"as": "entry"}), "$.expect.spans[1].as: 'entry' appears twice"),
        (spoil_expect("absent", 0, under="nobody"), "$.expect.absent[0].under: no span is called 'nobody'"),
        (spoil_expect("logs", 0, correlated="nobody"), "$.expect.logs[0].correlated: no span is called 'nobody'"),
        (
            lambda fault: fault["expect"]["alerts"].update(firing=[{"rule": "orders-lost"}]),
            "$.expect.alerts.firing[0]: there is no rule 'orders-lost'",
        ),
        (
            lambda fault: fault["expect"]["alerts"].update(notFiring=["orders-lost"]),
            "$.expect.alerts.notFiring[0]: there is no rule 'orders-lost'",
        ),
    ],
)
def test_consistency_is_checked(catalogue, change, message):
    assert any(problem.startswith(f"orders-break.yaml: {message}") for problem in check_catalogue(catalogue(change)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda twin: twin.pop("harmless"), "$.harmless: a twin needs it: why is nothing wrong?"),
        (lambda twin: twin["expect"]["spans"][0].update(rootCause=True), "$.expect.spans[0].rootCause: a twin has none"),
        (
            lambda twin: twin.update(answer={"service": "a", "component": "b", "errorType": "c"}),
            "$.answer: nothing is wrong in a twin",
        ),
    ],
)
def test_twin_has_no_cause(catalogue, change, message):
    problems = check_catalogue(catalogue(twin_change=change))

    assert any(problem.startswith(f"orders-seem-broken.yaml: {message}") for problem in problems)


def test_schema_alone_finds_errors(catalogue):
    file = read_yaml(catalogue(lambda fault: fault.pop("answer")) / "orders-break.yaml")
    errors = Draft202012Validator(make_schema()).iter_errors(file)

    assert [error.message for error in errors] == ["'answer' is a required property"]
