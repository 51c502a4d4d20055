"""Reading incident files: what is wrong is told with its file and its place."""

import pytest

from vshop.incidents import CatalogueError, UnknownIncidentError, load_catalogue, load_incident
from vshop.incidents.checking import check_catalogue


def test_a_catalogue_is_read_by_id(catalogue):
    """In the order of the ids."""
    assert list(load_catalogue(catalogue())) == ["orders-break", "orders-seem-broken"]


def test_a_good_catalogue_has_no_problems(catalogue):
    """Schema, types and consistency."""
    assert check_catalogue(catalogue()) == []


def test_an_unknown_id_names_near_ones(catalogue):
    """As a person mistypes."""
    with pytest.raises(UnknownIncidentError, match=r"no incident 'orders-brake'\. Did you mean orders-break"):
        load_incident("orders-brake", catalogue())


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("titel", "x", "orders-break.yaml: Object contains unknown field `titel`"),
        ("id", "orders-other", r"orders-break.yaml: \$.id is 'orders-other'; it must be the file's name"),
        ("trigger", {"waitMs": 5, "order": {"itemId": 1}}, r"a step has either an order or waitMs - at `\$.trigger`"),
        (
            "symptom",
            {"shopper": "x", "body": {"a": {"matches": "("}}},
            r"'\(' is no regular expression.* - at `\$.symptom.body\[...\]`",
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
def test_a_wrong_file_is_refused_with_its_place(catalogue, key, value, told):
    """The text leads to the line."""
    with pytest.raises(CatalogueError, match=told):
        load_catalogue(catalogue(lambda fault: fault.update({key: value})))


@pytest.mark.parametrize(
    ("text", "told"), [("a: [", "broken.yaml: not YAML"), ("a: 1\nb: {c: 1, c: 2}\n", "broken.yaml:2: the key 'c' stands twice")]
)
def test_what_is_no_yaml_is_refused(tmp_path, text, told):
    """A key that stands twice would silently be the later one."""
    (tmp_path / "broken.yaml").write_text(text)

    with pytest.raises(CatalogueError, match=told):
        load_catalogue(tmp_path)


def spoil_expect(section, index, **changes):
    """Change an entry of ``expect``."""
    return lambda fault: fault["expect"][section][index].update(changes)


@pytest.mark.parametrize(
    ("change", "told"),
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
        (spoil_expect("spans", 1, **{"as": "entry"}), "$.expect.spans[1].as: 'entry' stands twice"),
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
def test_what_no_schema_can_say_is_checked(catalogue, change, told):
    """References, pairs, the one culprit, names that exist elsewhere."""
    assert any(problem.startswith(f"orders-break.yaml: {told}") for problem in check_catalogue(catalogue(change)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda twin: twin.pop("harmless"), "$.harmless: a twin needs it: why is nothing wrong?"),
        (lambda twin: twin["expect"]["spans"][0].update(rootCause=True), "$.expect.spans[0].rootCause: a twin has none"),
        (
            lambda twin: twin.update(answer={"service": "a", "component": "b", "errorType": "c"}),
            "$.answer: nothing is wrong in a twin",
        ),
    ],
)
def test_a_twin_claims_no_cause(catalogue, change, told):
    """Nothing is wrong in it."""
    problems = check_catalogue(catalogue(twin_change=change))

    assert any(problem.startswith(f"orders-seem-broken.yaml: {told}") for problem in problems)


def test_the_schema_finds_what_is_wrong_by_itself(catalogue):
    """For editors and programs that read the schema only."""
    problems = check_catalogue(catalogue(lambda fault: fault.pop("answer")))

    assert "orders-break.yaml: $: 'answer' is a required property" in problems
