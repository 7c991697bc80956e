"""All records of an event from where they were received: the lake's raw bytes, then the log beyond them.

Nothing that an engine derived is used: `available_at` is computed again from append times, and every body is
judged again in plain Python.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow.dataset as ds
from deltalake.exceptions import TableNotFoundError
from kafka import KafkaConsumer, TopicPartition

from schemas.broker import connected
from schemas.core import names
from schemas.core.events import Event
from schemas.core.instants import Instant
from schemas.core.records import IMPORTED, Record
from schemas.core.verdict import Valid, Verdict, judge
from schemas.lake.tables import data_at

_COLUMNS = ["_offset", "append_time", "log_append", "body", "tick"]
_BATCH = 10_000
_POLL_MS = 1_000
LOG_APPEND = 1
"""Kafka's number for a timestamp that the broker set."""


class Received(NamedTuple):
    """One record as it came: `append_time` is None for imports and for timestamps that the broker did not set."""

    partition: int
    offset: int
    append_time: Instant | None
    log_append: bool
    body: bytes | None
    tick: bool


def valid_records(event: Event, lake: Path, kafka: str, reached: dict[int, Instant]) -> Iterator[Record]:
    """Every valid record of the event, archived or still only in the log.

    `reached` is given by partition the greatest append time that was read, ticks included: what is appended later is
    not available before it.
    """
    for received, available_at in _available(_all(event, lake, kafka), reached):
        verdict = verdict_of(event, received, available_at)
        if isinstance(verdict, Valid):
            yield Record(
                event_id=verdict.event_id,
                event_time=verdict.event_time,
                available_at=verdict.available_at,
                partition=received.partition,
                offset=received.offset,
                values=verdict.values,
            )


def archived_records(event: str, lake: Path) -> Iterator[tuple[Received, Instant]]:
    """Every record that the lake holds, ticks left out, with its `available_at`; imports declare their own."""
    return _available(_archived(lake / names.raw_table(event)), {})


def verdict_of(event: Event, received: Received, available_at: Instant) -> Verdict:
    """The verdict of a contract on one record."""
    imported = received.partition == IMPORTED
    return judge(event, received.body, available_at=available_at, log_append=received.log_append, imported=imported)


def _available(all_received: Iterable[Received], greatest: dict[int, Instant]) -> Iterator[tuple[Received, Instant]]:
    for received in all_received:
        if received.append_time is not None:
            before = greatest.get(received.partition, received.append_time)
            greatest[received.partition] = max(before, received.append_time)
        if not received.tick:
            yield received, greatest.get(received.partition, Instant(0))


def _all(event: Event, lake: Path, kafka: str) -> Iterator[Received]:
    next_offsets: dict[int, int] = {}
    for received in _archived(lake / names.raw_table(event.name)):
        next_offsets[received.partition] = received.offset + 1
        yield received
    yield from _logged(names.event_topic(event.name), kafka, next_offsets)


def _archived(table: Path) -> Iterator[Received]:
    try:
        data = data_at(table)
    except TableNotFoundError:
        return
    partitions = sorted(data.to_table(columns=["_partition"])["_partition"].unique().to_pylist())
    for partition in partitions:
        rows = data.to_table(columns=_COLUMNS, filter=ds.field("_partition") == partition).sort_by("_offset")
        previous = None
        for batch in rows.select(_COLUMNS).to_batches(max_chunksize=_BATCH):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                received = _from_lake(partition, *row)
                if received.offset != previous:
                    yield received
                previous = received.offset


def _from_lake(
    partition: int, offset: int, append_time: int | None, log_append: bool, body: bytes | None, tick: bool
) -> Received:
    if partition == IMPORTED:
        return Received(partition, offset, None, True, body, tick)
    at = Instant(append_time) if log_append and append_time is not None else None
    return Received(partition, offset, at, log_append, body, tick)


def _logged(topic: str, kafka: str, starts: dict[int, int]) -> Iterator[Received]:
    """The log from the offsets that the lake does not hold up to the ends as they are now."""
    with connected(
        KafkaConsumer, kafka, enable_auto_commit=False, isolation_level="read_committed", check_crcs=True
    ) as consumer:
        partitions = [TopicPartition(topic, each) for each in sorted(consumer.partitions_for_topic(topic) or ())]
        begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
        for partition in partitions:
            # Below the log's first offset a consumer would begin at its end instead.
            start, end = max(starts.get(partition.partition, 0), begins[partition]), ends[partition]
            consumer.assign([partition])
            consumer.seek(partition, start)
            while consumer.position(partition) < end:
                for record in consumer.poll(timeout_ms=_POLL_MS).get(partition, []):
                    if record.offset < end:
                        yield _from_log(record)


def _from_log(record: object) -> Received:
    log_append = record.timestamp_type == LOG_APPEND  # type: ignore[attr-defined]
    return Received(
        partition=record.partition,  # type: ignore[attr-defined]
        offset=record.offset,  # type: ignore[attr-defined]
        append_time=Instant(record.timestamp) if log_append else None,  # type: ignore[attr-defined]
        log_append=log_append,
        body=record.value,  # type: ignore[attr-defined]
        tick=any(key == names.TICK_HEADER for key, _ in record.headers),  # type: ignore[attr-defined]
    )
