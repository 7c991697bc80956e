"""Which copies count; horizon 25 throughout, as in the timelines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.core.counting import counted
from schemas.core.instants import Duration, Instant
from schemas.core.records import IMPORTED, Record

HORIZON: Final = Duration(25)


def copy(available_at: int, *, partition: int = 0, offset: int | None = None, event_id: str = "a") -> Record:
    at = Instant(available_at)
    return Record(event_id, at, at, partition, available_at if offset is None else offset, {})


def counting(records: Iterable[Record]) -> set[tuple[int, int]]:
    return {(record.partition, record.offset) for record in counted(records, HORIZON)}


# 1        20            40                  65     66
# ●────19───○─────20──────○────────25─────────●
# ●────19───○─────20──────○────────26────────────────●
@pytest.mark.parametrize(
    ("copies", "expected"),
    [
        ([1], {1}),
        ([1, 20], {1}),
        ([1, 20, 40], {1}),  # each copy moves the horizon on
        ([1, 20, 40, 64], {1}),
        ([1, 20, 40, 65], {1, 65}),
        ([1, 26], {1, 26}),  # a distance of the horizon is not less than it
        ([1, 25], {1}),
        ([1, 1], {1}),
    ],
)
def test_a_copy_within_the_horizon_does_not_count(copies: list[int], expected: set[int]) -> None:
    assert {record.available_at for record in counted(map(copy, copies), HORIZON)} == expected


# both at 5   offset 3 ○   offset 2 ●   the lower offset came first
def test_order_within_one_millisecond_is_by_offset() -> None:
    assert counting([copy(5, offset=3), copy(5, offset=2)]) == {(0, 2)}


def test_equal_coordinates_are_one_row() -> None:
    assert list(counted([copy(5), copy(5)], HORIZON)) == [copy(5)]


def test_partitions_do_not_know_each_other() -> None:
    records = [copy(5), copy(5, partition=1), copy(5, partition=IMPORTED)]
    assert counting(records) == {(0, 5), (1, 5), (IMPORTED, 5)}


def test_imports_count_as_one_partition_in_order_of_availability() -> None:
    records = [copy(20, partition=IMPORTED, offset=0), copy(1, partition=IMPORTED, offset=1)]
    assert counting(records) == {(IMPORTED, 1)}


HISTORIES: Final = st.lists(st.tuples(st.integers(0, 120), st.sampled_from("ab"), st.integers(0, 1)), max_size=25).map(
    lambda drawn: [copy(at, partition=p, offset=i, event_id=of) for i, (at, of, p) in enumerate(sorted(drawn))]
)


@given(HISTORIES)
def test_against_the_definition_word_by_word(records: list[Record]) -> None:
    expected = {
        (record.partition, record.offset)
        for record in records
        if not any(
            other.event_id == record.event_id
            and other.partition == record.partition
            and (other.available_at, other.offset) < (record.available_at, record.offset)
            and record.available_at - other.available_at < HORIZON
            for other in records
        )
    }
    assert counting(records) == expected


# [────────── read from t - horizon ──────────│── decided from t on ──)
@given(HISTORIES, st.integers(0, 130))
def test_one_horizon_back_decides_as_the_whole_history(records: list[Record], start: int) -> None:
    whole = {
        record
        for record in counting(records)
        if next(r for r in records if r.offset == record[1]).available_at >= start
    }
    late = [record for record in records if record.available_at >= start - HORIZON]
    assert {(r.partition, r.offset) for r in counted(late, HORIZON) if r.available_at >= start} == whole
