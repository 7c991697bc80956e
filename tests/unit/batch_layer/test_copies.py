"""Copies that count all the same, against a loop over the records, however history is cut."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_layer.copies import count_copies
from schemas.core.instants import Duration, Instant
from tests.unit.batch_layer.books import EVENT, HORIZON, Sale, expected

MINUTES: Final = HORIZON // 10


def sale(id_: str, minute: float, partition: int = 0, *, counts: bool = True) -> Sale:
    return Sale(id_, int(minute * MINUTES), partition, made="valid" if counts else "duplicate")


def copies(sales: Sequence[Sale], start: int | None = None) -> tuple[int, int]:
    rows = pa.table(
        {
            "event_id": pa.array([each.id for each in sales], pa.string()),
            "_partition": pa.array([each.partition for each in sales], pa.int32()),
            "_offset": pa.array([each.offset for each in sales], pa.int64()),
            "available_at": pa.array([each.at for each in sales], pa.int64()),
            "_counted": pa.array([each.made == "valid" for each in sales], pa.bool_()),
        }
    )
    return count_copies(rows, None if start is None else Instant(start), Duration(HORIZON))


# minutes, of a horizon of 10:  0 ───────── 10 ───────── 20
@pytest.mark.parametrize(
    ("sales", "stray", "beyond"),
    [
        ([], 0, 0),
        ([sale("a", 0), sale("b", 0, 1)], 0, 0),
        ([sale("a", 0), sale("a", 0, 1)], 1, 0),
        ([sale("a", 0), sale("a", 19.9, 1)], 1, 0),
        ([sale("a", 0), sale("a", 20, 1)], 0, 0),
        ([sale("a", 0), sale("a", 1, 1), sale("a", 2, 2)], 2, 0),
        ([sale("a", 0), sale("a", 1, counts=False)], 0, 0),
        ([sale("a", 0), sale("a", 10)], 0, 1),
        ([sale("a", 0), sale("a", 20)], 0, 0),
        ([sale("a", 0), sale("a", 9, counts=False), sale("a", 19)], 0, 1),
        ([sale("a", 0), sale("a", 9, counts=False), sale("a", 20)], 0, 1),
        ([sale("a", 0), sale("a", 10), sale("a", 11, 1)], 1, 1),
        ([sale("a", 0, 1), sale("a", 5), sale("a", 15)], 2, 1),
    ],
)
def test_what_counts_twice(sales: list[Sale], stray: int, beyond: int) -> None:
    assert copies(sales) == (stray, beyond)
    assert copies(sales[::-1]) == (stray, beyond)


def test_what_is_looked_back_at_is_not_counted() -> None:
    sales = [sale("a", 0), sale("a", 1, 1), sale("a", 10), sale("b", 10), sale("b", 11, 1)]
    assert copies(sales) == (3, 1)
    assert copies(sales, 10 * MINUTES) == (2, 1)
    assert copies(sales, 11 * MINUTES) == (1, 0)
    assert copies(sales, 12 * MINUTES) == (0, 0)


@st.composite
def histories(draw: st.DrawFn) -> list[Sale]:
    """Few ids at few instants; what counts is decided as the rule says, in order of availability."""
    drawn = draw(
        st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 60), st.integers(0, 2)), max_size=25),
    )
    found: list[Sale] = []
    for offset, (id_, minute, partition) in enumerate(sorted(drawn, key=lambda each: each[1])):
        at = minute * MINUTES
        before = [each.at for each in found if (each.id, each.partition) == (id_, partition)]
        counts = not before or at - max(before) >= HORIZON
        found.append(Sale(id_, at, partition, offset, "valid" if counts else "duplicate"))
    return found


@given(histories(), st.lists(st.integers(0, 60), max_size=4))
def test_intervals_add_up_to_the_whole(sales: list[Sale], minutes: list[int]) -> None:
    whole = expected(sales, None, 61 * MINUTES)
    assert copies(sales) == (whole.stray, whole.beyond_horizon)
    cuts = [None, *sorted({each * MINUTES for each in minutes}), 61 * MINUTES]
    parts = []
    for start, end in pairwise(cuts):
        assert end is not None
        seen = [each for each in sales if each.at < end and (start is None or each.at >= start - 2 * EVENT.horizon)]
        parts.append(copies(seen, start))
    assert tuple(map(sum, zip(*parts, strict=True))) == (whole.stray, whole.beyond_horizon)
