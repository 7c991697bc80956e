"""A partition that nobody writes to, on a broker whose clock is behind, holds the boundary back."""

from __future__ import annotations

from schemas.core.availability import covered_boundary, running_maximum
from schemas.core.instants import Instant
from tests.counterexamples.histories import EVENT, at


def boundary(archived: dict[int, Instant | None]) -> Instant | None:
    return covered_boundary(archived, 2, EVENT.epoch)


# partition 0   ─────●──────────●20       archived to 20
# partition 1   (idle, clock 12 behind)   then b at 8
def test_no_boundary_without_a_record_of_every_partition() -> None:
    assert boundary({0: at(20)}) is None
    assert boundary({0: at(20), 1: None}) is None


# partition 1   tick 8          B = 0: b may still come at 8
#               tick 8  tick 10 B = 10: whatever comes now is available at 10 or later
def test_a_tick_at_or_after_the_boundary_allows_it() -> None:
    assert boundary({0: at(20), 1: at(8)}) == at(0)
    assert boundary({0: at(20), 1: at(10)}) == at(10)
    [b] = running_maximum([at(8)], at(10))
    assert b == at(10)
