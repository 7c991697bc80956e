"""The sums of what runs have counted: right whoever died, was beside or came after, and red where a record is off.

None ──── day 0 ────)[──── day 1 ────)[──── day 2 ────)
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from batch_layer import conservation as module
from batch_layer.conservation import conservation, recount, tally, tally_anew
from batch_layer.counting import count_interval
from batch_layer.tables import valid_schema, valid_table
from schemas.core.damage import Gap
from schemas.core.events import Event
from schemas.core.instants import Instant
from schemas.core.records import IMPORTED
from schemas.lake.losses import append_loss
from schemas.lake.tables import read
from schemas.lake.tallies import Counts
from tests.unit.batch_layer.books import EVENT, HORIZON, Books, Sale

DAY: Final = Instant(6 * HORIZON)


def day(number: int) -> list[Sale]:
    """Four sales: one is a copy, one broken."""
    at = number * DAY
    return [
        Sale(f"a{number}", at),
        Sale(f"b{number}", at + 1, 1),
        Sale(f"a{number}", at + 2, made="duplicate"),
        Sale("broken", at + 3, 1, made="broken"),
    ]


def ends(number: int) -> Instant:
    return Instant((number + 1) * DAY)


@pytest.fixture(name="books")
def books_fixture(tmp_path: Path) -> Books:
    return Books(tmp_path)


def run(books: Books, number: int, *, counts: bool = True) -> Counts | None:
    """Receive and judge a day, and count it unless the run dies before."""
    books.receive(day(number))
    books.judge(number * DAY or None, ends(number))
    return counts_of(tally(books.lake, EVENT, ends(number))) if counts else None


def counts_of(count: Counts) -> Counts:
    """Without what lies beyond the boundary."""
    return Counts(*(getattr(count, name) for name in vars(Counts())))


@dataclass
class Read:
    """The intervals that were counted."""

    intervals: list[tuple[int | None, int]] = field(default_factory=list)


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Read]:
    seen = Read()
    with monkeypatch.context() as patched:

        def watched(lake: Path, event: Event, start: Instant | None, end: Instant) -> Counts:
            seen.intervals.append((start, end))
            return count_interval(lake, event, start, end)

        patched.setattr(module, "count_interval", watched)
        yield seen


def test_a_run_counts_its_interval_once(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    with counting(monkeypatch) as seen:
        for number in range(3):
            days = number + 1
            assert run(books, number) == books.expected(None, ends(number)) == Counts(4 * days, 2 * days, days, days)
            assert tally(books.lake, EVENT, ends(number)).holds, "asked again, at the end of the run"
    assert seen.intervals == [(None, ends(0)), (ends(0), ends(1)), (ends(1), ends(2))]


def test_what_a_dead_run_left_uncounted_is_counted_next(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    run(books, 0)
    run(books, 1, counts=False)
    run(books, 2, counts=False)
    with counting(monkeypatch) as seen:
        assert counts_of(conservation(books.lake, EVENT, ends(2))) == books.expected(None, ends(2))
        assert run(books, 3) == books.expected(None, ends(3))
    assert seen.intervals == [(ends(0), ends(2)), (ends(0), ends(3))], "whoever only looks lists nothing"


def test_a_lake_from_before_tallies_is_counted_whole_once(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        run(books, number, counts=False)
    with counting(monkeypatch) as seen:
        for _ in range(2):
            assert counts_of(tally(books.lake, EVENT, ends(2))) == books.expected(None, ends(2))
    assert seen.intervals == [(None, ends(2))]


def test_two_runs_beside_each_other_count_nothing_twice(books: Books) -> None:
    run(books, 0)
    for number in (1, 2):
        run(books, number, counts=False)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: tally(books.lake, EVENT, ends(number)), [1, 2] * 4))
    for number, each in zip([1, 2] * 4, found, strict=True):
        assert counts_of(each) == books.expected(None, ends(number))
    assert counts_of(tally(books.lake, EVENT, ends(2))) == books.expected(None, ends(2))


def test_a_frozen_run_counts_below_its_own_boundary(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        run(books, number)
    between = Instant(DAY + 2)
    with counting(monkeypatch) as seen:
        assert counts_of(tally(books.lake, EVENT, between)) == books.expected(None, between)
        assert conservation(books.lake, EVENT, between).waiting == 2
        assert counts_of(tally(books.lake, EVENT, ends(1))) == books.expected(None, ends(1))
    assert seen.intervals == [(ends(0), between)] * 2


@pytest.mark.parametrize("lost", [0, 2], ids=["valid", "duplicate"])
def test_the_run_that_judged_finds_a_loss_until_it_is_mended(books: Books, lost: int) -> None:
    run(books, 0)
    run(books, 1, counts=False)
    books.lose(books.sales[4 + lost])
    for _ in range(2):
        found = tally(books.lake, EVENT, ends(1))
        assert (found.holds, found.received - found.valid - found.duplicate - found.quarantined) == (False, 1)
    assert not (run(books, 2) or Counts()).holds, "nor is it hidden by what the next run judges"
    books.judge(DAY, ends(1), again=True)
    assert counts_of(tally(books.lake, EVENT, ends(2))) == books.expected(None, ends(2))


def test_the_run_that_judged_finds_a_double(books: Books) -> None:
    run(books, 0)
    run(books, 1, counts=False)
    table = valid_table(books.lake, EVENT)
    rows = read(table).rows
    (doubled,) = [row for row in rows if row["event_id"] == "b1"]
    write_deltalake(str(table), pa.Table.from_pylist([dict(doubled)], schema=valid_schema(EVENT)), mode="append")
    found = tally(books.lake, EVENT, ends(1))
    assert (found.received, found.valid) == (8, 5)
    assert not found.holds


def test_a_record_that_is_judged_in_two_intervals_is_doubled(books: Books) -> None:
    """Archived again with a later instant: its least one is where it was received."""
    run(books, 0)
    broken = books.sales[3]
    again = Sale(broken.id, DAY + 5, broken.partition, broken.offset, "broken")
    books.archive([again])
    books.sales.append(again)
    books.judge(DAY, ends(1))
    found = tally(books.lake, EVENT, ends(1))
    assert (found.received, found.quarantined) == (4, 2)
    assert not found.holds


def test_an_import_has_everything_counted_anew(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        run(books, number)
    books.receive([Sale("a0", -1, IMPORTED), Sale("x", -5 * DAY, IMPORTED, made="broken")])
    books.judge(None, ends(1))
    with counting(monkeypatch) as seen:
        found = tally(books.lake, EVENT, ends(1))
    assert seen.intervals == [(None, ends(1))]
    assert counts_of(found) == books.expected(None, ends(1)) == Counts(10, 5, 2, 3, 1, 0)


def test_a_table_that_was_removed_is_not_taken_for_its_successor(books: Books) -> None:
    run(books, 0)
    shutil.rmtree(valid_table(books.lake, EVENT))
    books.judge(None, ends(0))
    books.lose(books.sales[0])
    assert not tally(books.lake, EVENT, ends(0)).holds


def test_what_is_judged_again_is_counted_again(books: Books) -> None:
    """A recompute: what was lost after it had been counted is there again, or is found to be missing."""
    for number in range(2):
        run(books, number)
    books.lose(books.sales[0])
    assert tally(books.lake, EVENT, ends(1)).holds, "it was there when it was counted"
    assert not tally_anew(books.lake, EVENT, ends(1)).holds
    assert not tally(books.lake, EVENT, ends(1)).holds
    books.judge(None, ends(1), again=True)
    assert counts_of(tally_anew(books.lake, EVENT, ends(1))) == books.expected(None, ends(1))


def test_a_recount_finds_what_is_no_longer_as_it_was_counted(books: Books) -> None:
    assert recount(books.lake, EVENT) is None
    for number in range(2):
        run(books, number)
    run(books, 2, counts=False)
    found = recount(books.lake, EVENT)
    assert found is not None
    assert (found.until, found.tallied, found.is_equal) == (ends(1), books.expected(None, ends(1)), True)
    assert str(found) == "sale below 1970-01-01T02:00:00.000Z: 8 records are what runs have counted"
    books.lose(books.sales[0])
    found = recount(books.lake, EVENT)
    assert found is not None
    assert (found.tallied.valid, found.counted.valid, found.is_equal) == (4, 3, False)
    assert str(found) == "sale below 1970-01-01T02:00:00.000Z: 4 valid were counted and there are 3"


def test_a_recount_waits_for_what_was_imported(books: Books) -> None:
    run(books, 0)
    books.receive([Sale("x", -1, IMPORTED)])
    assert recount(books.lake, EVENT) is None


def test_what_waits_and_what_is_lost(books: Books) -> None:
    run(books, 0)
    books.receive(day(1))
    assert conservation(books.lake, EVENT, ends(0)).waiting == 4
    never = conservation(books.lake, EVENT, None)
    assert (never.received, never.waiting, tally(books.lake, EVENT, None)) == (0, 8, never)
    append_loss(books.lake, EVENT.name, "t", Gap(0, 2, 5), now=DAY)
    found = tally(books.lake, EVENT, ends(0))
    assert (found.received, found.lost, found.holds) == (4, 3, True)
