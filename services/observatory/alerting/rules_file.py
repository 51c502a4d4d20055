"""Loads ``alert_rules.yaml``."""

from pathlib import Path

import msgspec
import yaml

from observatory.alerting.kinds import KINDS
from observatory.alerting.rule import Rule


class RulesError(ValueError):
    """The file of rules cannot be used; the text names the file and what is wrong in it."""


def load(path: Path) -> tuple[Rule, ...]:
    """Read the rules from a file such as ``alert_rules.yaml``.

    Raises:
        RulesError: there is no such file, or it does not hold rules.
    """
    try:
        rules = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), tuple[Rule, ...])
    except (OSError, yaml.YAMLError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise RulesError(f"The alert rules in {path} cannot be used: {error}") from error
    problems = [problem for rule in rules for problem in _problems(rule)]
    ids = [rule.id for rule in rules]
    problems += [f"{rule_id} occurs twice" for rule_id in sorted(set(ids)) if ids.count(rule_id) > 1]
    if problems:
        raise RulesError(f"The alert rules in {path} cannot be used: " + "; ".join(problems))
    return rules


def _problems(rule: Rule) -> list[str]:
    kind = KINDS.get(rule.kind)
    if kind is None:
        return [f"{rule.id} is of kind {rule.kind!r}, which is none of {', '.join(KINDS)}"]
    if len(rule.labels) != kind.labels:
        return [f"{rule.id} names {len(rule.labels)} labels, but its kind {rule.kind} groups by {kind.labels}"]
    return []
