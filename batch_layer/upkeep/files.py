"""Files of one Delta table: small ones made into few, those that no version needs deleted, checksums kept sound."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable

from batch_layer.upkeep.choosing import GRACE
from schemas.core.errors import UnavailableError
from schemas.core.instants import HOUR, Instant
from schemas.lake.checksums import require_whole
from schemas.lake.tables import committed, open_table

SMALL: Final = 16 * 2**20
"""Bytes that a file is filled up to: large enough to be few, small enough that a day of history reads a part."""
MANY: Final = 16
"""Small files of one partition that are worth a rewrite."""

_GOING: Final = ".going-"


@dataclass(frozen=True)
class Size:
    """So many files and their bytes."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(self.files + other.files, self.bytes + other.bytes)


def compact(path: Path, *, dry_run: bool) -> Size:
    """Rewrite the small files of each partition that has many, in their order; gives those that were replaced.

    Raises DamagedFile before anything is written where one of them is not what was written: a new file with new
    checksums would hide it; and UnavailableError where others have committed meanwhile.
    """
    table = open_table(path)
    small = _small(table)
    if not small:
        return Size()
    found = Size(len(small), sum(int(each["size_bytes"]) for each in small))
    if dry_run:
        return found
    for each in small:
        require_whole(path / unquote(str(each["path"])))
    for partition in sorted({_partition(each) for each in small}, key=repr):
        filters = [(name.removeprefix("partition."), "=", str(value)) for name, value in partition]
        rewrite = partial(
            table.optimize.compact, partition_filters=filters or None, target_size=SMALL, max_concurrent_tasks=1
        )
        if not committed(path, table.version(), rewrite):
            raise UnavailableError("it was written to meanwhile, so its files are not all compacted this time")
    return found


def delete(path: Path, condition: str) -> None:
    """Commit a table without the rows that meet a condition."""
    while True:
        opened = open_table(path)
        if committed(path, opened.version(), partial(opened.delete, condition)):
            return


def vacuum(path: Path, *, now: Instant, dry_run: bool) -> Size:
    """Delete what no version within the grace holds, and what writers that died left, each with its checksums."""
    table = open_table(path)
    hours = GRACE // HOUR
    # All that is not held: deltalake alone would delete the checksums of files that are.
    listed = table.vacuum(retention_hours=hours, enforce_retention_duration=False, dry_run=True, full=True)
    unheld = [path / unquote(each) for each in listed if each.endswith(".parquet")]
    unheld = [each for each in unheld if each.exists()]
    alone = [each for each in path.rglob(".*.crc") if not _sealed(each).exists()]
    alone += path.rglob(".*.crc.*.new")
    alone = [each for each in alone if now - each.stat().st_mtime_ns // 1_000_000 > GRACE]
    found = Size(len(unheld), sum(each.stat().st_size for each in [*unheld, *alone]))
    if not dry_run:
        for each in unheld:
            each.unlink(missing_ok=True)
            each.with_name(f".{each.name}.crc").unlink(missing_ok=True)
        for each in alone:
            each.unlink(missing_ok=True)
    return found


def remove(path: Path, *, dry_run: bool) -> Size:
    """Delete a table: for everybody at once, and its files after that."""
    leftovers = [each for each in path.parent.glob(f"{_GOING}{path.name}") if each.is_dir()]
    found = sum((size_of(each) for each in [*leftovers, *([path] if path.exists() else [])]), Size())
    if dry_run:
        return found
    for each in leftovers:
        shutil.rmtree(each)
    if path.exists():
        going = path.with_name(f"{_GOING}{path.name}")
        path.rename(going)
        shutil.rmtree(going)
    return found


def size_of(path: Path) -> Size:
    """All files under a folder."""
    files = [each for each in path.rglob("*") if each.is_file()]
    return Size(len(files), sum(each.stat().st_size for each in files))


def tables_under(lake: Path) -> Iterator[Path]:
    """Every Delta table of a lake."""
    for log in sorted(lake.rglob("_delta_log")):
        if not any(part.startswith(_GOING) for part in log.relative_to(lake).parts):
            yield log.parent


def _small(table: DeltaTable) -> list[dict[str, Any]]:
    rows = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    small = [row for row in rows if row["size_bytes"] < SMALL]
    counts: dict[tuple[tuple[str, Any], ...], int] = {}
    for row in small:
        counts[_partition(row)] = counts.get(_partition(row), 0) + 1
    return [row for row in small if counts[_partition(row)] >= MANY]


def _partition(row: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple((name, value) for name, value in sorted(row.items()) if name.startswith("partition."))


def _sealed(sums: Path) -> Path:
    return sums.with_name(sums.name.removeprefix(".").removesuffix(".crc"))
