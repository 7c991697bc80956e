"""Rows of raw as the archive would have written them, without Kafka: append times are the test's to choose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from deltalake import write_deltalake

from batch_layer.tables import RAW, raw_table
from schemas.core.availability import running_maximum
from schemas.core.events import Event
from schemas.core.instants import Instant
from schemas.core.records import IMPORTED, Record
from schemas.core.verdict import Quarantined, Valid, judge


@dataclass(frozen=True)
class Row:
    """One record as received; its offset is its place among those of its partition."""

    body: bytes | None
    append_time: int = 0
    partition: int = 0
    log_append: bool = True
    tick: bool = False


@dataclass(frozen=True)
class Placed:
    """A row with its offset and the `available_at` of its partition by then."""

    row: Row
    offset: int
    available_at: Instant | None


def place(rows: Iterable[Row]) -> list[Placed]:
    """Offsets and running maxima, partition by partition; imports have none of the latter."""
    by_partition: dict[int, list[Row]] = {}
    for row in rows:
        by_partition.setdefault(row.partition, []).append(row)
    return [placed for some in by_partition.values() for placed in _place(some)]


def _place(rows: Sequence[Row]) -> Iterator[Placed]:
    times = [Instant(row.append_time) if row.log_append and row.partition != IMPORTED else None for row in rows]
    for offset, (row, available_at) in enumerate(zip(rows, running_maximum(times), strict=True)):
        yield Placed(row, offset, available_at)


def write(lake: Path, event: Event, placed: Sequence[Placed]) -> None:
    """Append them to raw."""
    found = [
        {
            "topic": None if each.row.partition == IMPORTED else f"events.{event.name}",
            "topic_id": None,
            "_partition": each.row.partition,
            "_offset": each.offset,
            "append_time": None if each.row.partition == IMPORTED else each.row.append_time,
            "log_append": each.row.log_append,
            "available_at": each.available_at,
            "key": b"key",
            "body": each.row.body,
            "tick": each.row.tick,
            "import_id": None,
        }
        for each in placed
    ]
    write_deltalake(str(raw_table(lake, event.name)), pa.Table.from_pylist(found, schema=RAW), mode="append")


def judged(event: Event, placed: Iterable[Placed]) -> dict[tuple[int, int], Valid | Quarantined]:
    """The verdict of plain Python on every record that is no tick, by partition and offset."""
    return {
        (each.row.partition, each.offset): judge(
            event,
            each.row.body,
            available_at=each.available_at or Instant(0),
            log_append=each.row.log_append,
            imported=each.row.partition == IMPORTED,
        )
        for each in placed
        if not each.row.tick
    }


def records(event: Event, placed: Iterable[Placed]) -> list[Record]:
    """Every valid record, as the core sees it."""
    return [
        Record(verdict.event_id, verdict.event_time, verdict.available_at, partition, offset, verdict.values)
        for (partition, offset), verdict in judged(event, placed).items()
        if isinstance(verdict, Valid)
    ]
