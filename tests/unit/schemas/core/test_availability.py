"""The running maximum of append times, and the boundary that an archive is known to cover."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.core.availability import covered_boundary, holding_back, running_maximum
from schemas.core.instants import Duration, Instant

EPOCH = Duration(10)


# offset        0   1   2   3   4
# append time  12   8   –  13  11      – : the broker did not set it
# available    12  12  12  13  13
@pytest.mark.parametrize(
    ("append_times", "carried", "expected"),
    [
        ([12, 8, None, 13, 11], None, [12, 12, 12, 13, 13]),
        ([8], 12, [12]),
        ([None, 8], None, [None, 8]),
        ([None], 3, [3]),
        ([-5, -9], None, [-5, -5]),
        ([0], -1, [0]),
        ([], 7, []),
    ],
)
def test_available_at_never_steps_back(
    append_times: list[int | None], carried: int | None, expected: list[int]
) -> None:
    times = [None if each is None else Instant(each) for each in append_times]
    assert list(running_maximum(times, None if carried is None else Instant(carried))) == expected


@given(st.lists(st.none() | st.integers(-50, 50).map(Instant)), st.integers(0, 20))
def test_a_cut_carries_the_maximum_over(times: list[Instant | None], cut: int) -> None:
    before = list(running_maximum(times[:cut]))
    after = list(running_maximum(times[cut:], before[-1] if before else None))
    assert before + after == list(running_maximum(times))


# partition 0   ─────────────────●27
# partition 1   ────────●19
#               0        10       20       30       B = 10: below it nothing can still come to either
@pytest.mark.parametrize(
    ("archived", "boundary"),
    [
        ({0: 27, 1: 19}, 10),
        ({0: 27, 1: 20}, 20),  # a record at B itself covers B
        ({0: 27, 1: -1}, -10),
        ({0: 27, 1: None}, None),
        ({0: 27}, None),
        ({}, None),
    ],
)
def test_the_boundary_is_covered_by_every_partition(archived: dict[int, int | None], boundary: int | None) -> None:
    known = {partition: None if at is None else Instant(at) for partition, at in archived.items()}
    assert covered_boundary(known, 2, EPOCH) == boundary


def test_what_holds_the_boundary_back_is_named() -> None:
    assert holding_back({1: Instant(0)}, 3) == [0, 2]
