"""Each counterexample holds by the rules that answer it; each rule switched off makes its case fail."""

from __future__ import annotations

import pytest

from tests.model.cases import CASES, Case
from tests.model.checks import Broken
from tests.model.rules import Rule, without

SWITCHED = [(case, rule) for case in CASES for rule in case.rules]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_holds(case: Case) -> None:
    case.play()


@pytest.mark.parametrize(("case", "rule"), SWITCHED, ids=[f"{case.name} - {rule.name}" for case, rule in SWITCHED])
def test_it_fails_without_the_rule(case: Case, rule: Rule) -> None:
    with without(rule), pytest.raises(Broken):
        case.play()


def test_every_rule_has_a_case() -> None:
    assert {rule for _, rule in SWITCHED} == set(Rule)
