"""The leader of a partition moves to a broker whose clock is behind."""

from __future__ import annotations

from schemas.core import reference
from tests.counterexamples.histories import KEY, VIEW, at, batch_of, everywhere, received


# partition 0   offset        0     1
#               append time  a 12  b 8      the clock steps back by 5 and more
#               available_at a 12  b 12
#
#               0 ─────── B=10 ──●●──────── 20        both lie above B, in speed alone
def test_b_is_in_exactly_one_layer() -> None:
    records = received(("a", 12), ("b", 8))
    assert [each.available_at for each in records] == [at(12), at(12)]
    assert batch_of(records, 10)["events"] == 0
    assert everywhere(records, 20)["events"] == 2


# The same where the archive carries the maximum from one of its runs to the next, and the stream from its state.
def test_nothing_shows_before_it_was_available() -> None:
    records = received(("a", 12), ("b", 8))
    assert reference.answer(VIEW, records, KEY, at(12))["events"] == 0
