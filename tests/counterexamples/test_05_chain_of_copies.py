"""A copy, counting or not, moves the horizon on; distance is measured on `available_at`, never on arrival."""

from __future__ import annotations

from schemas.core import reference
from tests.counterexamples.histories import KEY, VIEW, at, everywhere, record
from tests.laws.layers import build_segment


# horizon 25     1        20           40
#                ●────19───○─────20─────○
#          [30, 50) reads from 5 on:  20 is there, so 40 does not count
def test_only_the_first_of_a_chain_counts() -> None:
    records = [record("a", 1), record("a", 20), record("a", 40)]
    assert everywhere(records, 60)["events"] == 1
    assert build_segment(VIEW, records, at(30), at(50)).partials == {}


# horizon 25     1                    27
#                ●─────────26──────────●      both count, even if one second of work takes both in
def test_copies_26_apart_both_count() -> None:
    assert everywhere([record("a", 1), record("a", 27)], 60)["events"] == 2


# A distance of exactly the horizon is not less than it.
def test_copies_25_apart_both_count() -> None:
    assert everywhere([record("a", 1), record("a", 26)], 60)["events"] == 2
    assert everywhere([record("a", 1), record("a", 25.999)], 60)["events"] == 1


def test_the_chain_is_the_same_at_every_instant() -> None:
    records = [record("a", 1), record("a", 20), record("a", 40)]
    assert [reference.answer(VIEW, records, KEY, at(q))["events"] for q in (0, 1, 2, 30, 45)] == [0, 0, 1, 1, 1]
