"""Logs of Delta tables: what is torn or changed is found, wherever, and what is whole is read."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from schemas.core.errors import UnavailableError
from schemas.lake import tables
from schemas.lake.checksums import DamagedFile
from schemas.lake.commits import require_whole_log, seal_commits

SCHEMA: Final = pa.schema([pa.field("number", pa.int64(), nullable=False)])


@pytest.fixture(name="table")
def table_fixture(tmp_path: Path) -> Path:
    """Three commits of this platform."""
    for _ in range(3):
        tables.append_numbered(tmp_path / "t", SCHEMA, {})
    return tmp_path / "t"


def entry(table: Path, version: int) -> Path:
    return table / "_delta_log" / f"{version:020}.json"


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def without_last_line(content: bytes) -> bytes:
    return b"".join(content.splitlines(keepends=True)[:-1])


@pytest.mark.parametrize("version", [0, 1, 2])
@pytest.mark.parametrize("damage", [lambda _: b"", without_last_line, lambda content: content[:-9], flipped])
def test_an_entry_that_has_changed_is_found(table: Path, version: int, damage: Callable[[bytes], bytes]) -> None:
    file = entry(table, version)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    with pytest.raises(UnavailableError, match=f"{version:020}.json` is not what was written"):
        tables.read(table)
    file.write_bytes(whole)
    assert [row["number"] for row in tables.numbered(table)] == [1, 2, 3]


@pytest.mark.parametrize("damage", [lambda _: b"", without_last_line, lambda content: content[:-9]])
def test_a_part_of_an_entry_is_found_where_its_writer_died_before_the_checksums(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    for number in range(2):
        write_deltalake(str(tmp_path), pa.table({"number": [number]}), mode="append")
    assert len(tables.rows(tmp_path)) == 2
    file = entry(tmp_path, 1)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DamagedFile, match="is no whole commit"):
        require_whole_log(tmp_path)


def test_a_commit_of_no_rows_is_whole(tmp_path: Path) -> None:
    for numbers in ([0], [], [1]):
        write_deltalake(str(tmp_path), pa.table({"number": pa.array(numbers, pa.int64())}), mode="append")
    DeltaTable(str(tmp_path)).delete("number = 0")
    for number in (2, 3):
        write_deltalake(str(tmp_path), pa.table({"number": [number]}), mode="append")
    DeltaTable(str(tmp_path)).optimize.compact()
    assert len(tables.rows(tmp_path)) == 3


def test_a_file_that_has_changed_is_found(table: Path) -> None:
    file = next(table.glob("*.parquet"))
    file.write_bytes(flipped(file.read_bytes()))
    with pytest.raises(UnavailableError, match=r"parquet` is not what was written"):
        tables.read(table)


def test_what_a_checkpoint_covers_is_not_needed(table: Path) -> None:
    DeltaTable(str(table)).create_checkpoint()
    seal_commits(table, 1)
    entry(table, 1).write_bytes(b"")
    assert len(tables.read(table).rows) == 3
    checkpoint = table / "_delta_log" / f"{2:020}.checkpoint.parquet"
    checkpoint.write_bytes(flipped(checkpoint.read_bytes()))
    with pytest.raises(UnavailableError, match=r"checkpoint.parquet` is not what was written"):
        tables.read(table)


def test_what_others_have_committed_is_sealed_with_ours(table: Path) -> None:
    opened = tables.open_table(table)
    write_deltalake(opened, pa.table({"number": [4]}, schema=SCHEMA), mode="append")
    write_deltalake(opened, pa.table({"number": [5]}, schema=SCHEMA), mode="append")
    seal_commits(table, 2)
    for version in (3, 4):
        actions = [json.loads(line) for line in entry(table, version).read_text().splitlines()]
        [added] = [action["add"]["path"] for action in actions if "add" in action]
        assert (table / f".{added}.crc").exists()
        assert (table / "_delta_log" / f".{version:020}.json.crc").exists()


def test_a_small_table_stays_few_files(tmp_path: Path) -> None:
    for _ in range(3 * tables.MOST_FILES):
        tables.append_numbered(tmp_path / "t", SCHEMA, {})
        assert len(DeltaTable(str(tmp_path / "t")).file_uris()) <= tables.MOST_FILES
    assert [row["number"] for row in tables.numbered(tmp_path / "t")] == [*range(1, 3 * tables.MOST_FILES + 1)]


def test_a_log_keeps_a_day_behind_its_checkpoint(table: Path) -> None:
    DeltaTable(str(table)).create_checkpoint()
    before_yesterday = time.time() - 2 * 86_400
    for version in (0, 1):
        os.utime(entry(table, version), (before_yesterday, before_yesterday))
    DeltaTable(str(table)).cleanup_metadata()
    assert [entry(table, version).exists() for version in range(3)] == [False, False, True]
    assert [row["number"] for row in tables.numbered(table)] == [1, 2, 3]


def test_no_table_has_no_log(tmp_path: Path) -> None:
    require_whole_log(tmp_path / "nothing")
    assert tables.rows(tmp_path / "nothing") == []
