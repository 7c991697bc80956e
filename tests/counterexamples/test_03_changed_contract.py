"""A copy that only the new contract takes comes before one that both take."""

from __future__ import annotations

import pytest

from schemas.core.codec import contract_of, definition_of
from schemas.core.language import Event, View, col, count, int64, last, string
from schemas.core.records import Record
from schemas.core.verdict import Valid, judge
from tests.counterexamples.histories import at, body, everywhere

OLD = Event("it", fields={"k": string, "n": int64}, rules={"low": col("n") < 10}, epoch="10s", horizon="25s")
NEW = Event("it", fields={"k": string, "n": int64}, rules={"low": col("n") < 100}, epoch="10s", horizon="25s")


def view(on: Event) -> View:
    return View("it", on=on, by="k", features={"events": count(), "n": last("n")})


# available_at    8: a, n=50       12: a, n=5
# old contract    quarantined      valid, counts
# new contract    valid, counts    a copy within the horizon
@pytest.mark.parametrize(("contract", "n"), [(OLD, 5), (NEW, 50)])
def test_each_definition_counts_its_own_first_copy(contract: Event, n: int) -> None:
    records = []
    for offset, (available_at, value) in enumerate([(8, 50), (12, 5)]):
        verdict = judge(contract, body(event_id="a", n=value), available_at=at(available_at))
        if isinstance(verdict, Valid):
            records.append(Record("a", verdict.event_time, verdict.available_at, 0, offset, verdict.values))
    assert everywhere(records, 20, view(contract)) == {"events": 1, "n": n}


def test_a_changed_contract_is_a_changed_definition() -> None:
    assert contract_of(OLD) != contract_of(NEW)
    assert definition_of(view(OLD)) != definition_of(view(NEW))
