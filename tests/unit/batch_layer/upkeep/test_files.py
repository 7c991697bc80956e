"""Files of a table: fewer afterwards, the same rows, the same bounds in the log, and checksums that hold."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.table import TableOptimizer

from batch_layer.tables import RAW, archived, raw_table, topic_ids
from batch_layer.upkeep import files
from batch_layer.upkeep.choosing import GRACE
from batch_layer.upkeep.files import MANY, Size
from schemas.core.errors import UnavailableError
from schemas.core.instants import Instant
from schemas.lake.checksums import DamagedFile, require_whole, seal
from schemas.lake.tables import data_of

PARTITIONS: Final = (-1, 0, 1)
TOPIC: Final = "0123456789abcdef0123456789abcdef-and-more"
NOW: Final = Instant(10**13)
OLD: Final = 1_000_000


def write(lake: Path, commits: int) -> Path:
    """As so many archive runs do: a file a partition each, with checksums."""
    path = raw_table(lake, "sale")
    for number in range(commits):
        rows = [
            {
                "topic": "events.sale",
                "topic_id": None if partition < 0 else TOPIC,
                "_partition": partition,
                "_offset": number * 2 + index,
                "append_time": number,
                "log_append": True,
                "available_at": None if partition < 0 else number * 10 + index,
                "body": b"x" * 50,
                "tick": False,
            }
            for partition in PARTITIONS
            for index in range(2)
        ]
        write_deltalake(str(path), pa.Table.from_pylist(rows, schema=RAW), mode="append")
    for file in live(path):
        seal(file)
    return path


def live(path: Path) -> list[Path]:
    return [path / each.path for each in data_of(DeltaTable(str(path))).get_fragments()]


def rows(path: Path) -> list[tuple[int, int]]:
    read = data_of(DeltaTable(str(path))).to_table(columns=["_partition", "_offset"]).to_pylist()
    return sorted((row["_partition"], row["_offset"]) for row in read)


@pytest.fixture(name="path")
def path_fixture(tmp_path: Path) -> Path:
    return write(tmp_path, MANY)


def test_small_files_become_few_and_nothing_else_changes(path: Path, tmp_path: Path) -> None:
    before = rows(path), archived(tmp_path, "sale"), topic_ids(tmp_path, "sale")
    assert files.compact(path, dry_run=True).files == MANY * len(PARTITIONS)
    assert len(live(path)) == MANY * len(PARTITIONS)
    assert files.compact(path, dry_run=False).files == MANY * len(PARTITIONS)
    assert len(live(path)) == len(PARTITIONS)
    assert (rows(path), archived(tmp_path, "sale"), topic_ids(tmp_path, "sale")) == before
    assert files.compact(path, dry_run=False) == Size(), "again changes nothing"


def test_neighbours_in_time_become_one_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of an interval leaves out the files of all others, as before."""
    monkeypatch.setattr(files, "SMALL", 5 * max(each.stat().st_size for each in live(path)))
    files.compact(path, dry_run=False)
    actions = pa.table(DeltaTable(str(path)).get_add_actions(flatten=True)).to_pylist()
    spans = sorted(
        (each["min.available_at"], each["max.available_at"]) for each in actions if each["partition._partition"] == 0
    )
    assert len(spans) > 2
    assert all(left[1] < right[0] for left, right in itertools.pairwise(spans))


def test_a_changed_bit_of_a_compacted_file_is_found(path: Path) -> None:
    files.compact(path, dry_run=False)
    for file in live(path):
        require_whole(file)
        flip(file)
        with pytest.raises(DamagedFile):
            require_whole(file)


def test_a_damaged_file_is_not_made_good_by_a_rewrite(path: Path) -> None:
    flip(live(path)[3])
    with pytest.raises(DamagedFile, match="is not what was written"):
        files.compact(path, dry_run=False)
    assert len(live(path)) == MANY * len(PARTITIONS)


def test_few_files_are_not_worth_it(tmp_path: Path) -> None:
    path = write(tmp_path, MANY - 1)
    assert files.compact(path, dry_run=False) == Size()


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def test_what_was_replaced_stays_for_its_grace(path: Path) -> None:
    files.compact(path, dry_run=False)
    assert files.vacuum(path, now=NOW, dry_run=False) == Size()
    assert len(list(data_files(path))) == MANY * len(PARTITIONS) + len(PARTITIONS)


def test_what_writers_that_died_left_goes_and_the_checksums_of_the_living_stay(path: Path) -> None:
    folder = path / "_partition=0"
    orphan, young = folder / "orphan.parquet", folder / "young.parquet"
    for each in (orphan, young):
        each.write_bytes(b"12345")
        seal(each)
    lonely, half = folder / ".lonely.parquet.crc", folder / f".{live(path)[0].name}.crc.0f.new"
    lonely.write_bytes(b"123")
    half.write_bytes(b"12")
    for each in path.rglob("*"):
        if each.is_file() and "young" not in each.name and "_delta_log" not in each.parts:
            os.utime(each, (OLD, OLD))
    kept = {each for each in path.rglob("*") if each.is_file()} - {orphan, sums(orphan), lonely, half}
    expected = Size(1, 5 + 3 + 2)
    assert files.vacuum(path, now=NOW, dry_run=True) == expected
    assert files.vacuum(path, now=NOW, dry_run=False) == expected
    assert {each for each in path.rglob("*") if each.is_file()} == kept
    assert files.vacuum(path, now=NOW, dry_run=False) == Size(), "again changes nothing"
    for file in live(path):
        assert sums(file).exists()


def test_what_was_replaced_long_ago_goes_with_its_checksums(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.compact(path, dry_run=False)
    monkeypatch.setattr(files, "GRACE", 0)
    replaced = MANY * len(PARTITIONS)
    assert files.vacuum(path, now=NOW, dry_run=False).files == replaced
    assert sorted(data_files(path)) == sorted(live(path))
    assert sorted(path.rglob(".part*.crc")) == sorted(sums(file) for file in live(path))


def test_a_table_is_removed_whole_also_where_that_was_begun(path: Path) -> None:
    assert files.remove(path, dry_run=True).files > MANY
    assert path.exists()
    half = path.with_name(f".going-{path.name}")
    path.rename(half)
    assert list(files.tables_under(path.parent.parent)) == []
    assert files.remove(path, dry_run=False).files > MANY
    assert list(path.parent.iterdir()) == []
    assert files.remove(path, dry_run=False) == Size()


def test_a_rewrite_that_is_overtaken_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    optimize = TableOptimizer.compact

    def compact(self: TableOptimizer, **options: Any) -> Any:
        DeltaTable(str(path)).delete("_partition = 0")
        return optimize(self, **options)

    monkeypatch.setattr(TableOptimizer, "compact", compact)
    with pytest.raises(UnavailableError, match="was written to meanwhile"):
        files.compact(path, dry_run=False)
    assert {partition for partition, _ in rows(path)} == {-1, 1}


def data_files(path: Path) -> Iterator[Path]:
    return path.rglob("*.parquet")


def sums(file: Path) -> Path:
    return file.with_name(f".{file.name}.crc")


def test_the_grace_is_a_day() -> None:
    assert GRACE == 86_400_000
