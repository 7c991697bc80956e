"""What a run appends: never more than four segments after it, and no merge that a running recompute would not fit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from batch_layer.planning import MOST, plan_run, to_compact
from schemas.core.generations import Generation, Recompute, Segment, edited, misfit
from schemas.core.instants import Instant

ENDS = st.lists(st.integers(1, 1_000), min_size=1, max_size=8, unique=True).map(sorted)


def generation(ends: list[int]) -> Generation:
    starts = [None, *ends[:-1]]
    segments = tuple(
        Segment(str(end), None if start is None else Instant(start), Instant(end))
        for start, end in zip(starts, ends, strict=True)
    )
    return Generation("view", "d", 1, Instant(ends[-1]), segments, Instant(0), "extend")


def after(current: Generation, cut: int | None = None, *, sizes: dict[str, int] | None = None) -> Generation:
    """The generation that a run with this plan publishes."""
    plan = plan_run(current, Instant(2_000), sizes or {}, cut=None if cut is None else Instant(cut))
    segments = current.segments
    for edit in (plan.compact, plan.extend):
        if edit is not None:
            now = Generation("view", "d", 1, segments[-1].end, segments, Instant(0), "extend")
            assert misfit(edit, now) is None
            segments = edited(edit, now)
    return Generation("view", "d", 2, segments[-1].end, segments, Instant(0), "extend")


@given(ENDS, st.dictionaries(st.integers(1, 1_000).map(str), st.integers(0, 100)))
def test_a_run_leaves_no_more_than_four_segments(ends: list[int], sizes: dict[str, int]) -> None:
    assert len(after(generation(ends), sizes=sizes).segments) <= max(MOST, 1)


@given(ENDS, st.data())
def test_a_running_recompute_fits_whatever_is_compacted_beside_it(ends: list[int], data: st.DataObject) -> None:
    current = generation(ends)
    end = data.draw(st.sampled_from(current.segments)).end
    rebuilt = Recompute(Segment("rebuilt", None, end))
    assert misfit(rebuilt, after(current, cut=end)) is None


def test_the_cheapest_merge_beside_a_cut() -> None:
    assert to_compact([50, 1, 1, 50, 9], most=4) == range(1, 3)
    assert to_compact([50, 1, 1, 50, 9], most=4, apart=2) == range(2, 4)
    assert to_compact([1, 1], most=1, apart=1) is None
