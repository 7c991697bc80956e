"""What is counted of an interval, and what of a lake is read for it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from batch_layer.counting import count_interval, count_received
from batch_layer.tables import quarantine_table, raw_table, valid_table
from schemas.core.instants import Instant
from schemas.core.records import IMPORTED
from schemas.lake.tallies import Counts
from tests.unit.batch_layer.books import EVENT, HORIZON, Books, Sale

DAY = 6 * HORIZON
"""Of these sales: every run takes in one."""


@pytest.fixture(name="books")
def books_fixture(tmp_path: Path) -> Books:
    return Books(tmp_path)


def count(books: Books, start: int | None, end: int) -> Counts:
    return count_interval(books.lake, EVENT, None if start is None else Instant(start), Instant(end))


def day(number: int) -> list[Sale]:
    """Five sales: one is broken, one a copy, one comes again in the other partition; and ticks."""
    at = number * DAY + HORIZON
    return [
        Sale(f"a{number}", at),
        Sale(f"b{number}", at + 1, 1),
        Sale(f"a{number}", at + 2, made="duplicate"),
        Sale("broken", at + 3, 1, made="broken"),
        Sale(f"a{number}", at + 4, 1),
        *(Sale("", at + 5, partition, tick=True) for partition in (0, 1)),
    ]


def test_counts_of_a_day(books: Books) -> None:
    for number in range(3):
        books.receive(day(number))
        books.judge(number * DAY or None, (number + 1) * DAY)
    assert count(books, DAY, 2 * DAY) == Counts(5, 3, 1, 1, 1, 0) == books.expected(DAY, 2 * DAY)
    assert count(books, None, 3 * DAY) == Counts(15, 9, 3, 3, 3, 0) == books.expected(None, 3 * DAY)
    assert count(books, 2 * DAY, 2 * DAY + 1) == Counts()
    assert count_received(books.lake, EVENT.name, Instant(DAY), None) == 10
    assert count_received(books.lake, EVENT.name, None, None) == 15


# a copy of a   first   within   beyond   stray                 a cut between any two of them
def test_copies_are_looked_for_beyond_a_cut(books: Books) -> None:
    at = [0, HORIZON - 1, 2 * HORIZON - 1, 3 * HORIZON]
    books.receive([Sale("a", at[0]), Sale("a", at[1], made="duplicate"), Sale("a", at[2]), Sale("a", at[3], 1)])
    books.judge(None, DAY)
    assert count(books, None, DAY) == Counts(4, 3, 1, 0, 1, 1)
    for cut in at[1:]:
        assert count(books, None, cut) + count(books, cut, DAY) == Counts(4, 3, 1, 0, 1, 1)
    cuts = [0, *at[1:], DAY]
    parts = [count(books, start or None, end) for start, end in pairwise(cuts)]
    assert [(each.stray, each.beyond_horizon) for each in parts] == [(0, 0), (0, 0), (0, 1), (1, 0)]


def test_what_has_no_instant_lies_before_all(books: Books) -> None:
    """Imports, and a record before any timestamp of the broker, in one file with others."""
    books.receive([Sale("x", -DAY, IMPORTED), Sale("y", 1, IMPORTED, made="broken"), Sale("a", 5), Sale("b", 15)])
    books.judge(None, 20)
    assert count(books, None, 10) == Counts(3, 2, 0, 1)
    assert count(books, 10, 20) == Counts(1, 1)
    table = str(raw_table(books.lake, EVENT.name))
    rows = DeltaTable(table).to_pyarrow_dataset().to_table().to_pylist()
    assert {row["available_at"] for row in rows} == {None, 5, 15}
    assert count_received(books.lake, EVENT.name, Instant(10), None) == 1


def test_what_is_archived_twice_is_counted_where_it_came_first(books: Books) -> None:
    """Also where its copy has a later instant, and lies in a later interval."""
    first, second = books.receive([Sale("a", 5), Sale("b", 15)])
    books.archive([first, second])
    books.archive([Sale(first.id, 16, first.partition, first.offset)])
    books.judge(None, 20)
    assert count(books, None, 10) == Counts(1, 1)
    assert count(books, 10, 20) == Counts(1, 1)
    assert count(books, None, 20) == Counts(2, 2)
    assert count_received(books.lake, EVENT.name, Instant(10), None) == 1


def files(table: Path) -> list[tuple[Path, int]]:
    """Of a table, each with the greatest instant that it holds."""
    rows = pa.table(DeltaTable(str(table)).get_add_actions(flatten=True)).to_pylist()
    return [(table / unquote(row["path"]), row["max.available_at"]) for row in rows]


@pytest.mark.parametrize("days", [1, 16])
def test_history_is_not_opened(books: Books, days: int) -> None:
    """What ends before the look-back is deleted: after 16 times the history as many files are left, and are enough."""
    for number in range(days + 1):
        books.receive(day(number))
        books.judge(number * DAY or None, (number + 1) * DAY)
    start, end = days * DAY, (days + 1) * DAY
    whole, left = count(books, start, end), 0
    for table in (
        raw_table(books.lake, EVENT.name),
        valid_table(books.lake, EVENT),
        quarantine_table(books.lake, EVENT),
    ):
        for file, reached in files(table):
            if reached < start - 2 * HORIZON:
                file.unlink()
            else:
                left += 1
    assert left == 4, "two partitions of raw, valid, quarantine"
    assert count(books, start, end) == whole == Counts(5, 3, 1, 1, 1, 0)
    assert count_received(books.lake, EVENT.name, Instant(start), None) == 5
    with pytest.raises(FileNotFoundError):
        count(books, start - DAY, end)
