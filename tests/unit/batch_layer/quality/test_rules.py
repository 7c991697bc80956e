"""Rules over whole tables, over counts that are given."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from batch_layer.conservation import Conservation
from batch_layer.quality.limits import Limits
from batch_layer.quality.rules import Figures, Fit, Measured, Piece, measure
from schemas.core.instants import HOUR, MINUTE, Duration, Instant

WHOLE = Conservation(10, 7, 2, 1, 0, 0, 0, 0)
WEEKS = [(40, 40, 40)] * 4


def figures(
    *,
    counts: Conservation = WHOLE,
    received: int = 0,
    quarantined: int = 0,
    pieces: Sequence[Piece] = (),
    silence: int | None = None,
    silences: Sequence[int] = (),
    fits: Sequence[Fit] = (),
) -> Figures:
    return Figures(
        counts,
        received,
        quarantined,
        pieces,
        None if silence is None else Duration(silence),
        [Duration(each) for each in silences],
        fits,
    )


def one(found: Sequence[Measured], rule: str) -> Measured | None:
    return next((each for each in found if each.rule == rule), None)


def piece(counted: int, former: Sequence[tuple[int, int, int]], start: int = 0) -> Piece:
    return Piece(Instant(start), Instant(start + HOUR), counted, former)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (Conservation(11, 7, 2, 1, 0, 0, 0, 0), "1 missing"),
        (Conservation(8, 7, 2, 1, 0, 0, 0, 0), "2 too many"),
    ],
)
def test_what_is_lost_or_doubled_breaks_conservation(counts: Conservation, said: str) -> None:
    (found,) = measure(figures(counts=counts))
    assert (found.rule, found.holds) == ("conservation", False)
    assert said in found.says
    assert measure(figures())[0].holds


@pytest.mark.parametrize(("merged", "damage", "holds"), [(5, None, True), (6, None, False), (4, None, False)])
def test_a_segment_fits_what_its_interval_has(merged: int, damage: str | None, holds: bool) -> None:
    _, found = measure(figures(fits=[Fit("tills", "s1", merged, 5, damage)]))
    assert (found.rule, found.of, found.holds) == ("segments", "tills", holds)


def test_a_segment_that_cannot_be_read_fits_nothing() -> None:
    _, found = measure(figures(fits=[Fit("tills", "s1", 0, 0, "it is not what was written")]))
    assert not found.holds
    assert "it is not what was written" in found.says


@pytest.mark.parametrize(
    ("received", "quarantined", "holds"),
    [(999, 999, None), (1_000, 250, True), (1_000, 251, False), (10_000, 2_501, False)],
)
def test_a_share_is_taken_of_records_enough(received: int, quarantined: int, holds: bool | None) -> None:
    found = one(measure(figures(received=received, quarantined=quarantined)), "quarantined")
    assert (None if found is None else found.holds) == holds


# 40 each week: a spread of max(0, √40 = 6.3, 4) = 6.3, so six of them are 38: 2 to 78; a quarter to four times is 10
# to 160; 30 less or more is 10 to 70. Far off is what is outside all three: below 2 (by the spread) and above 160.
@pytest.mark.parametrize(
    ("counted", "holds"), [(0, False), (2, False), (3, True), (10, True), (160, True), (161, False)]
)
def test_a_volume_is_far_off_by_every_measure(counted: int, holds: bool) -> None:
    found = one(measure(figures(pieces=[piece(counted, WEEKS)])), "volume")
    assert found is not None
    assert found.holds == holds


@pytest.mark.parametrize(
    ("former", "counted", "holds"),
    [
        ([(40, 40, 40)], 10_000, None),  # one week says nothing
        ([(0, 0, 0), (0, 0, 0)], 30, True),
        ([(0, 0, 0), (0, 0, 0)], 31, False),
        ([(1, 2, 3)] * 4, 0, True),  # so few may well be none
        ([(40, 40, 40), (41, 41, 41), (39, 39, 39), (0, 0, 0)], 0, False),  # one odd week is not the usual
        ([(40, 40, 40), (40, 40, 40), (0, 0, 0), (0, 0, 0)], 0, True),
        ([(2, 40, 400)] * 4, 1_600, True),  # the hour beside it, since clocks change
        ([(2, 40, 400)] * 4, 1_601, False),
    ],
)
def test_a_volume_is_held_against_weeks_enough(
    former: Sequence[tuple[int, int, int]], counted: int, holds: bool | None
) -> None:
    found = one(measure(figures(pieces=[piece(counted, former)])), "volume")
    assert (None if found is None else found.holds) == holds


def test_the_hour_that_is_furthest_off_is_told() -> None:
    pieces = [piece(50, WEEKS), piece(500, WEEKS, HOUR), piece(200, WEEKS, 2 * HOUR)]
    found = one(measure(figures(pieces=pieces)), "volume")
    assert found is not None
    assert found.of == "1970-01-01T01:00:00.000Z"
    assert "500 records happened from 1970-01-01T01:00:00.000Z to 1970-01-01T02:00:00.000Z" in found.says
    assert "and 40 are usual in these hours of the last 4 weeks: 3 to 160 are within limits" in found.says


@pytest.mark.parametrize(
    ("silence", "silences", "holds"),
    [
        (10 * HOUR, [], None),
        (10 * HOUR, [MINUTE], None),
        (HOUR, [MINUTE, MINUTE], True),
        (HOUR + 1, [MINUTE, MINUTE], False),
        (6 * HOUR, [MINUTE, 2 * HOUR], True),  # at night it is usual
        (6 * HOUR + 1, [MINUTE, 2 * HOUR], False),
    ],
)
def test_silence_is_broken_where_records_are_usual(silence: int, silences: list[int], holds: bool | None) -> None:
    found = one(measure(figures(silence=silence, silences=silences)), "freshness")
    assert (None if found is None else found.holds) == holds


def test_limits_are_what_they_are_given_as() -> None:
    strict = Limits(share=0.0, share_of=1)
    found = one(measure(figures(received=10, quarantined=1), strict), "quarantined")
    assert found is not None
    assert not found.holds
