"""The rules are data that is checked when it is loaded."""

import pytest

from observatory.alerting import rules_file
from observatory.alerting.rules_file import RulesError

RULE = "{id: a, kind: rejected, title: T, meaning: M, severity: info, window_s: 60, threshold: 1, labels: [status]}"


@pytest.fixture
def load(tmp_path):
    """Load rules from text."""

    def read(text):
        path = tmp_path / "rules.yaml"
        path.write_text(text, encoding="utf-8")
        return rules_file.load(path)

    return read


def test_the_rules_that_are_shipped(rules):
    """These ids are promised."""
    assert [rule.id for rule in rules] == ["errors-by-exception-type", "orders-not-handled", "order-slow", "orders-rejected"]


def test_a_rule_names_its_own_labels(load):
    """What it groups by is up to its kind, how that is called is not."""
    (rule,) = load(f"[{RULE}]")
    assert (rule.labels, rule.window_ns) == (("status",), 60 * 10**9)


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
def test_rules_that_cannot_be_used_are_named(load, text, said):
    """With the file and what is wrong in it."""
    with pytest.raises(RulesError, match=r"rules\.yaml") as error:
        load(text)
    assert said in str(error.value)


def test_a_file_that_is_missing_is_named(tmp_path):
    """It is no surprise but an error like the others."""
    with pytest.raises(RulesError, match="nowhere"):
        rules_file.load(tmp_path / "nowhere.yaml")
