"""Chunks cover all there is, begin and end at multiples of their length, and none of them is empty."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from schemas.core.chunks import Chunk, Planned, cut
from schemas.core.generations import Segment
from schemas.core.instants import Duration, Instant


def test_days_that_hold_nothing_go_with_the_day_before() -> None:
    """│0   │10  │20  │30  │40 │B=45, with events at 1, 12, 17 and 41."""
    available = [Instant(each) for each in (41, 12, 1, 17)]
    chunks = cut(available, Duration(10), Instant(45))
    assert [(each.start, each.end) for each in chunks] == [(None, 10), (10, 40), (40, 45)]


def test_nothing_at_all_is_one_chunk() -> None:
    assert cut([], Duration(10), Instant(45)) == [Chunk(None, Instant(45))]
    assert cut([Instant(45), Instant(99)], Duration(10), Instant(45)) == [Chunk(None, Instant(45))]


@given(st.lists(st.integers(-500, 500)), st.integers(1, 90), st.integers(-200, 200))
def test_each_event_is_in_one_chunk_and_each_chunk_has_one(times: list[int], length: int, boundary: int) -> None:
    chunks = cut([Instant(each) for each in times], Duration(length), Instant(boundary))
    assert chunks[0].start is None
    assert chunks[-1].end == boundary
    assert all(left.end == right.start for left, right in itertools.pairwise(chunks))
    assert all(each.end % length == 0 for each in chunks[:-1])
    assert all(each.start is None or each.start < each.end for each in chunks)
    held = [[at for at in times if (each.start is None or at >= each.start) and at < each.end] for each in chunks]
    assert sorted(itertools.chain(*held)) == sorted(at for at in times if at < boundary)
    assert len(chunks) == 1 or all(held)
    spans = [(min(some) // length, max(some) // length) for some in held if some]
    assert all(first == last for first, last in spans), "no chunk holds two intervals that hold something"


def test_what_is_missing_and_what_is_published() -> None:
    a, b = Chunk(None, Instant(10), "a"), Chunk(Instant(10), Instant(30))
    planned = Planned(1, "view", "d", 0, (a, b))
    assert (planned.missing, planned.boundary) == ([b], 30)
    assert planned.segments == (Segment("a", None, Instant(10)),)
