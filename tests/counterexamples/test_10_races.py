"""Edits that were planned from a generation which is no longer the current one."""

from __future__ import annotations

from schemas.core.generations import (
    Compact,
    Edit,
    Extend,
    Generation,
    Recompute,
    Rollback,
    Segment,
    boundary_of,
    edited,
    misfit,
)
from tests.counterexamples.histories import at


def segment(name: str, start: float | None, end: float) -> Segment:
    return Segment(name, None if start is None else at(start), at(end))


def after(current: Generation, edit: Edit) -> Generation:
    assert misfit(edit, current) is None
    segments = edited(edit, current)
    return Generation("it", "d", current.number + 1, boundary_of(segments), segments, at(0), type(edit).__name__)


def ids(generation: Generation) -> list[str]:
    return [each.id for each in generation.segments]


# [-inf ── a ──10)[── b ──20)[── c ──30)
FIRST = Generation("it", "d", 1, at(10), (segment("a", None, 10),), at(0), "extend")
SECOND = after(FIRST, Extend(segment("b", 10, 20)))
THIRD = after(SECOND, Extend(segment("c", 20, 30)))


# compaction reads a b c ─────────────────────────► ends: a and b are gone
#            repair publishes r for [-inf, 20) ─►
def test_a_compaction_that_began_before_a_repair_is_discarded() -> None:
    repaired = after(THIRD, Recompute(segment("r", None, 20)))
    assert ids(repaired) == ["r", "c"]
    assert misfit(Compact(("a", "b", "c"), segment("abc", None, 30)), repaired) is not None
    assert misfit(Compact(("b", "c"), segment("bc", 10, 30)), repaired) is not None


# run from 30 ────────────────────► ends: the boundary is 20 now
#          rollback to 20 ────►
def test_a_run_that_began_before_a_rollback_is_discarded() -> None:
    back = after(THIRD, Rollback(SECOND))
    assert back.number > THIRD.number
    assert misfit(Extend(segment("d", 30, 40)), back) is not None
    assert ids(after(back, Extend(segment("d", 20, 40)))) == ["a", "b", "d"]


# recompute of [-inf, 20) ──────────────────► ends: 20 is still a cut, c and d stay above it
#          increment c ──►  increment d ──►
def test_a_recompute_overtaken_by_increments_keeps_them() -> None:
    later = after(THIRD, Extend(segment("d", 30, 40)))
    repaired = after(later, Recompute(segment("r", None, 20)))
    assert ids(repaired) == ["r", "c", "d"]
    assert repaired.boundary == at(40)


# Or 20 is no cut any more, since a compaction went over it.
def test_a_recompute_overtaken_by_a_compaction_is_discarded() -> None:
    compacted = after(THIRD, Compact(("b", "c"), segment("bc", 10, 30)))
    assert misfit(Recompute(segment("r", None, 20)), compacted) is not None


# two runs from 30: the second to commit reads the first one's generation and finds no place
def test_of_two_publishers_one_is_discarded() -> None:
    one, other = Extend(segment("d", 30, 40)), Extend(segment("e", 30, 40))
    assert misfit(other, after(THIRD, one)) is not None
    assert misfit(one, after(THIRD, other)) is not None


# an older run that ends after a newer one does not move the generation back
def test_an_older_run_never_moves_the_pointer_back() -> None:
    old = Extend(segment("old", 20, 25))
    assert misfit(old, SECOND) is None
    assert misfit(old, THIRD) is not None


# again changes nothing
def test_the_same_edit_fits_once() -> None:
    for edit in (Extend(segment("d", 30, 40)), Compact(("b", "c"), segment("bc", 10, 30))):
        assert misfit(edit, after(THIRD, edit)) is not None
