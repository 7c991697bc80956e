"""Tallies: without gap or overlap, whoever lists them, and never more rows than are kept."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

from schemas.core import names
from schemas.core.instants import Instant
from schemas.lake import tables
from schemas.lake.tallies import KEPT, Counts, Judging, Tally, append_tally, forget_tallies, read_tallies, total

OF: Final = Judging("sale", "0123456789abcdef", "t", "judged/0")


def tally(start: int | None, end: int, received: int = 1) -> Tally:
    return Tally(None if start is None else Instant(start), Instant(end), Counts(received, received))


def test_each_goes_on_where_the_last_one_ends(tmp_path: Path) -> None:
    assert read_tallies(tmp_path, OF) == []
    assert not append_tally(tmp_path, OF, tally(0, 5)), "what lies before it was not counted"
    assert append_tally(tmp_path, OF, tally(None, 5))
    assert append_tally(tmp_path, OF, tally(5, 9, 3))
    for other in (tally(None, 5), tally(5, 9), tally(5, 12), tally(10, 12), tally(None, 20)):
        assert not append_tally(tmp_path, OF, other), other
    assert read_tallies(tmp_path, OF) == [tally(None, 5), tally(5, 9, 3)]
    assert total(read_tallies(tmp_path, OF)) == Counts(4, 4)


def test_runs_at_once_list_an_interval_once(tmp_path: Path) -> None:
    append_tally(tmp_path, OF, tally(None, 5))
    with ThreadPoolExecutor(4) as pool:
        listed = list(pool.map(lambda end: append_tally(tmp_path, OF, tally(5, end)), range(6, 14)))
    assert listed.count(True) == 1
    assert [each.start for each in read_tallies(tmp_path, OF)] == [None, 5]


def test_another_table_or_import_begins_anew(tmp_path: Path) -> None:
    append_tally(tmp_path, OF, tally(None, 5))
    for other in (replace(OF, application="judged/7"), replace(OF, table="u")):
        assert read_tallies(tmp_path, other) == []
        assert append_tally(tmp_path, other, tally(None, 3, 9))
        assert read_tallies(tmp_path, other) == [tally(None, 3, 9)]
    strict = replace(OF, contract="another contract")
    assert append_tally(tmp_path, strict, tally(None, 5))
    assert read_tallies(tmp_path, replace(OF, table="u")) == [tally(None, 3, 9)]


def test_forgotten_is_counted_from_the_first_record_on(tmp_path: Path) -> None:
    forget_tallies(tmp_path, OF)
    for each in (tally(None, 5), tally(5, 9)):
        append_tally(tmp_path, OF, each)
    forget_tallies(tmp_path, OF)
    assert read_tallies(tmp_path, OF) == []
    assert not append_tally(tmp_path, OF, tally(9, 12))
    assert append_tally(tmp_path, OF, tally(None, 12))


def test_old_ones_are_merged_and_nothing_is_lost(tmp_path: Path) -> None:
    runs = KEPT + 5
    for end in range(1, runs + 1):
        assert append_tally(tmp_path, OF, tally(None if end == 1 else end - 1, end, end))
    found = read_tallies(tmp_path, OF)
    assert len(found) == KEPT + 1
    assert [each.start for each in found] == [None, *(each.end for each in found[:-1])]
    assert found[-1] == tally(runs - 1, runs, runs)
    assert total(found).received == sum(range(runs + 1))
    table = tables.read(tmp_path / names.tallies_table(OF.event, OF.contract)).table
    assert table is not None
    assert len(table.file_uris()) == 1, "a reader opens one file, however many runs there were"
