import pytest

from observatory.alerting import evaluation as alert_rules
from observatory.alerting.evaluation import RulesError

RULE = "{id: a, kind: rejected, title: T, meaning: M, severity: info, window_s: 60, threshold: 1, labels: [status]}"


@pytest.fixture
def load(tmp_path):
    def read(text):
        path = tmp_path / "rules.yaml"
        path.write_text(text, encoding="utf-8")
        return alert_rules.load(path)

    return read


def test_shipped_rules_have_the_documented_ids(rules):
    assert [rule.id for rule in rules] == ["errors-by-exception-type", "orders-not-handled", "order-slow", "orders-rejected"]


def test_a_rule_chooses_the_names_of_its_labels(load):
    (rule,) = load(f"[{RULE}]")
    assert (rule.labels, rule.begins_ns(61 * 10**9)) == (("status",), 10**9)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "while parsing"),
        ("a: 1", "Expected `array`"),
        (f"[{RULE.replace('rejected', 'unheard-of')}]", "unheard-of"),
        (f"[{RULE.replace('[status]', '[]')}]", "names 0 labels"),
        (f"[{RULE}, {RULE}]", "a occurs twice"),
        (f"[{RULE.replace('threshold: 1', 'threshold: 0')}]", "threshold"),
        (f"[{RULE.replace('info', 'loud')}]", "severity"),
        (f"[{RULE.replace('title', 'tilte')}]", "tilte"),
    ],
)
def test_invalid_rules_raise_an_error_that_names_file_and_problem(load, text, said):
    with pytest.raises(RulesError, match=r"rules\.yaml") as error:
        load(text)
    assert said in str(error.value)


def test_a_missing_file_raises_the_same_error(tmp_path):
    with pytest.raises(RulesError, match="nowhere"):
        alert_rules.load(tmp_path / "nowhere.yaml")
