"""Few rows are committed as Spark would: an interval is replaced whole, and a version comes once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from batch_layer import little
from batch_layer.little import append_few, replace_few
from batch_layer.tables import QUARANTINE, stored_since
from schemas.core.instants import Instant
from schemas.lake.tables import data_of


@pytest.fixture(name="table")
def table_fixture(tmp_path: Path) -> Path:
    """An empty table with an `available_at`."""
    path = tmp_path / "table"
    DeltaTable.create(str(path), QUARANTINE)
    return path


def rows(*instants: int | None) -> pa.Table:
    return pa.Table.from_pylist([{"available_at": each} for each in instants], schema=QUARANTINE)


def held(table: Path) -> list[int]:
    return sorted(data_of(DeltaTable(str(table))).to_table()["available_at"].to_pylist())


def replace(table: Path, start: int, end: int, *instants: int) -> None:
    interval = f"available_at >= {start} AND available_at < {end}"
    replace_few(table, rows(*instants), interval, application="judged", version=end)


#          0        10        20        30
# first    [ 1 2 3  )
# second            [ 11 12   )
# again             [ 11 15   )             nothing: the table reaches to 20
# wider      [ 5                 25 )       replaces all from 2 on
def test_an_interval_is_replaced_whole_and_a_version_comes_once(table: Path) -> None:
    replace(table, 0, 10, 1, 2, 3)
    replace(table, 10, 20, 11, 12)
    assert held(table) == [1, 2, 3, 11, 12]
    for end in (18, 20):
        replace(table, 10, end, 11, 15)
        assert held(table) == [1, 2, 3, 11, 12]
    replace(table, 2, 30, 5, 25)
    assert held(table) == [1, 5, 25]
    replace(table, 2, 31)
    assert held(table) == [1]


def test_a_row_outside_its_interval_is_refused(table: Path) -> None:
    with pytest.raises(DeltaError):
        replace(table, 0, 10, 11)
    assert held(table) == []


def test_rows_are_appended_once(table: Path) -> None:
    for version, instant in ((0, 1), (0, 2), (1, 3)):
        append_few(table, rows(instant), application="archive", version=version)
    assert held(table) == [1, 3]


@pytest.mark.parametrize(("end", "left"), [(15, [1, 11, 19]), (20, [1, 12]), (25, [1, 12, 22])])
def test_what_another_run_committed_meanwhile_is_replaced_or_stays(
    table: Path, monkeypatch: pytest.MonkeyPatch, end: int, left: list[int]
) -> None:
    """The one over `[10, 15)` is overtaken by one that reaches further, and stays out; the others by a shorter one."""
    replace(table, 0, 10, 1)
    overtaken: list[bool] = []

    def write(*given: Any, **options: Any) -> None:
        if not overtaken:
            overtaken.append(True)
            if end == 15:
                replace(table, 10, 20, 11, 19)
            else:
                replace(table, 10, 15, 11)
        write_deltalake(*given, **options)

    monkeypatch.setattr(little, "write_deltalake", write)
    replace(table, 10, end, *[each for each in (12, 22) if each < end])
    assert overtaken
    assert held(table) == left


def test_files_without_an_instant_reach_nowhere(table: Path) -> None:
    for each in (rows(1, 2), rows(5, None), rows(None, None)):
        append_few(table, each)
    assert [stored_since(table, Instant(start)).rows for start in (0, 2, 3, 6)] == [4, 4, 2, 0]


def test_a_failure_after_the_commit_appends_nothing_twice(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*given: Any, **options: Any) -> None:
        write_deltalake(*given, **options)
        raise DeltaError("no checkpoint could be written")

    monkeypatch.setattr(little, "write_deltalake", write)
    append_few(table, rows(3))
    assert held(table) == [3]


def test_a_lake_that_takes_no_commit_is_told(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: Any, **__: Any) -> None:
        raise DeltaError("no space is left")

    monkeypatch.setattr(little, "write_deltalake", write)
    with pytest.raises(DeltaError, match="no space is left"):
        append_few(table, rows(3))
