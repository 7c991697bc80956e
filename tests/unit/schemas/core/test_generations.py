"""Edits of a generation: which fit, and what they make."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.core.generations import (
    Backfill,
    Compact,
    Edit,
    Extend,
    Generation,
    Recompute,
    Rollback,
    Segment,
    boundary_of,
    edited,
    imports_of,
    misfit,
    retained,
)
from schemas.core.instants import HOUR, Instant
from schemas.core.runs import Run, pairs_with


def segment(name: str, start: int | None, end: int) -> Segment:
    return Segment(name, None if start is None else Instant(start), Instant(end))


def generation(*segments: Segment, number: int = 5, definition: str = "d", imports: int = 0) -> Generation:
    return Generation("view", definition, number, boundary_of(segments), segments, Instant(0), "extend", imports)


# [-inf ── a ──)[── b ──)[── c ──)
#             10       20       30
A, B, C = segment("a", None, 10), segment("b", 10, 20), segment("c", 20, 30)
CURRENT: Final = generation(A, B, C)


@pytest.mark.parametrize(
    ("edit", "current", "segments"),
    [
        (Extend(segment("n", None, 10)), None, "n"),
        (Extend(segment("n", 30, 40)), CURRENT, "a b c n"),
        (Compact(("b", "c"), segment("n", 10, 30)), CURRENT, "a n"),
        (Compact(("a", "b", "c"), segment("n", None, 30)), CURRENT, "n"),
        (Compact(("b",), segment("n", 10, 20)), CURRENT, "a n c"),
        (Recompute(segment("n", None, 20)), CURRENT, "n c"),
        (Recompute(segment("n", None, 30)), CURRENT, "n"),
        (Recompute(segment("n", None, 40)), CURRENT, "n"),
        (Recompute(segment("n", None, 40)), None, "n"),
        (Rollback(generation(A, B, number=4)), CURRENT, "a b"),
        (Backfill((A, B, C)), None, "a b c"),
        (Backfill((A,)), None, "a"),
    ],
)
def test_edits_that_fit(edit: Edit, current: Generation | None, segments: str) -> None:
    assert misfit(edit, current) is None
    assert [each.id for each in edited(edit, current)] == segments.split()


READ: Final = generation(A, B, C, imports=100)


@pytest.mark.parametrize(
    ("edit", "current", "imports"),
    [
        (Extend(segment("n", None, 10), 7), None, 7),
        (Extend(segment("n", 30, 40), 100), READ, 100),
        (Compact(("b", "c"), segment("n", 10, 30)), READ, 100),
        (Recompute(segment("n", None, 20), 101), READ, 101),
        (Rollback(generation(A, B, number=4, imports=60)), READ, 60),
        (Backfill((A, B), 8), None, 8),
    ],
)
def test_what_a_generation_has_read_of_imports(edit: Edit, current: Generation | None, imports: int) -> None:
    assert misfit(edit, current) is None
    assert imports_of(edit, current) == imports


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (Extend(segment("n", 30, 40), 101), "the generation has read 100 imported records, and there were 101"),
        (Extend(segment("n", 30, 40), 99), "the generation has read 100 imported records, and there were 99"),
        (Recompute(segment("n", None, 30), 99), "it has read 99 imported records, and the generation 100"),
    ],
)
def test_an_import_between_keeps_an_edit_out(edit: Edit, reason: str) -> None:
    assert misfit(edit, READ) == reason


@pytest.mark.parametrize(
    ("edit", "current", "reason"),
    [
        (
            Extend(segment("n", 0, 10)),
            None,
            "it extends from 1970-01-01T00:00:00.000Z, and the boundary is minus infinity",
        ),
        (
            Extend(segment("n", None, 40)),
            CURRENT,
            "it extends from minus infinity, and the boundary is 1970-01-01T00:00:00.030Z",
        ),
        (
            Extend(segment("n", 20, 40)),
            CURRENT,
            "it extends from 1970-01-01T00:00:00.020Z, and the boundary is 1970-01-01T00:00:00.030Z",
        ),
        (Extend(segment("n", 30, 30)), CURRENT, "it does not move the boundary forward"),
        (Extend(segment("n", 30, 20)), CURRENT, "it does not move the boundary forward"),
        (Compact(("b", "x"), segment("n", 10, 30)), CURRENT, "its inputs are no longer in the generation"),
        (Compact((), segment("n", 10, 30)), CURRENT, "its inputs are no longer in the generation"),
        (Compact(("a",), segment("n", None, 10)), None, "its inputs are no longer in the generation"),
        (Compact(("a", "c"), segment("n", None, 30)), CURRENT, "its inputs do not adjoin"),
        (Compact(("c", "b"), segment("n", 10, 30)), CURRENT, "its inputs do not adjoin"),
        (Compact(("b", "b"), segment("n", 10, 20)), CURRENT, "its inputs do not adjoin"),
        (Compact(("b", "c"), segment("n", 10, 20)), CURRENT, "its inputs do not adjoin"),
        (Recompute(segment("n", 10, 20)), CURRENT, "it does not begin at minus infinity"),
        (Recompute(segment("n", None, 25)), CURRENT, "1970-01-01T00:00:00.025Z is no cut of the generation"),
        (Rollback(CURRENT), CURRENT, "it is no earlier generation of this definition"),
        (Rollback(generation(A, number=6)), CURRENT, "it is no earlier generation of this definition"),
        (Rollback(generation(A, number=4, definition="e")), CURRENT, "it is no earlier generation of this definition"),
        (Rollback(generation(A, number=4)), None, "it is no earlier generation of this definition"),
        (Backfill((A, B)), CURRENT, "generation 5 is there, and a backfill is the first of its definition"),
        (Backfill(()), None, "it does not begin at minus infinity"),
        (Backfill((B, C)), None, "it does not begin at minus infinity"),
        (Backfill((A, C)), None, "its segments do not adjoin"),
    ],
)
def test_edits_that_do_not_fit(edit: Edit, current: Generation | None, reason: str) -> None:
    assert misfit(edit, current) == reason


@pytest.mark.parametrize(
    ("hours", "kept"),
    [
        ([], []),
        ([0], [0]),
        ([0, 100, 200, 300], [100, 200, 300]),
        ([0, 10, 11, 12, 20, 30], [0, 10, 11, 12, 20, 30]),
        ([0, 5, 10, 11, 12, 20, 30], [5, 10, 11, 12, 20, 30]),
        ([0, 6, 10, 30], [0, 6, 10, 30]),
        ([0, 1, 2, 100, 101], [2, 100, 101]),
        ([100, 0, 1, 2, 3], [100, 0, 1, 2, 3]),
    ],
)
def test_the_last_three_and_what_was_current_within_a_day_are_retained(hours: list[int], kept: list[int]) -> None:
    """By the hour in which each was published; the one before the window was current when it began."""
    history = [replace(generation(A), number=at, published_at=Instant(hour * HOUR)) for at, hour in enumerate(hours)]
    assert [each.published_at // HOUR for each in retained(history)] == kept


@given(st.lists(st.integers(0, 80), min_size=1))
def test_what_can_be_rolled_back_to_is_whatever_was_current_in_any_hour_of_the_last_day(hours: list[int]) -> None:
    history = [
        replace(generation(A), number=at, published_at=Instant(hour * HOUR)) for at, hour in enumerate(sorted(hours))
    ]
    numbers = [each.number for each in retained(history)]
    assert numbers[-3:] == [each.number for each in history][-3:]
    newest = history[-1].published_at // HOUR
    for hour in range(newest - 24, newest + 1):
        current = [each.number for each in history if each.published_at <= hour * HOUR]
        assert not current or current[-1] in numbers


EDITS: Final = st.lists(
    st.tuples(st.sampled_from(["extend", "compact", "recompute", "rollback"]), st.integers(0, 9), st.integers(1, 3))
)


def drawn(kind: str, number: int, size: int, history: list[Generation], name: str) -> Edit:
    """An edit planned from some generation of the history, which need not be the current one."""
    seen = history[number % len(history)]
    match kind:
        case "extend":
            return Extend(Segment(name, seen.boundary, Instant(seen.boundary + 10 * size)))
        case "compact":
            inputs = seen.segments[-size - 1 :]
            return Compact(tuple(each.id for each in inputs), Segment(name, inputs[0].start, inputs[-1].end))
        case "recompute":
            return Recompute(Segment(name, None, seen.segments[number % len(seen.segments)].end))
    return Rollback(seen)


@given(EDITS)
def test_whatever_fits_leaves_neither_gap_nor_overlap(edits: list[tuple[str, int, int]]) -> None:
    history = [generation(segment("s", None, 10), number=1)]
    for at, (kind, number, size) in enumerate(edits):
        edit = drawn(kind, number, size, history, f"s{at}")
        if misfit(edit, history[-1]) is not None:
            continue
        following = generation(*edited(edit, history[-1]), number=history[-1].number + 1)
        assert following.segments[0].start is None
        assert [each.end for each in following.segments[:-1]] == [each.start for each in following.segments[1:]]
        assert isinstance(edit, Rollback) or following.boundary >= history[-1].boundary
        history.append(following)


@pytest.mark.parametrize(
    ("definition", "start", "served"), [("d", 30, True), ("d", 0, True), ("d", 31, False), ("e", 0, False)]
)
def test_a_pair_has_one_definition_and_no_gap(definition: str, start: int, served: bool) -> None:
    run = Run(
        "r", "arrival", "v", Instant(start), {0: 0}, "events.arrival", {definition: "speed.r.d"}, Instant(0), "started"
    )
    assert pairs_with(CURRENT, run) is served
