"""Imports: history that lies below the stream, named by the hash of its content."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import Transaction, WriterProperties, write_deltalake
from kafka import KafkaConsumer, TopicPartition

from batch_layer.bodies import Bodies, read_bodies
from batch_layer.locks import importing
from batch_layer.tables import RAW, archived, imported, raw_table, transaction
from schemas.broker import connected
from schemas.core import names
from schemas.core.availability import import_limit
from schemas.core.errors import BadValue, RefusedError, TidelineError, UnavailableError
from schemas.core.events import Event
from schemas.core.expressions import Expr
from schemas.core.instants import Instant, format_duration, format_instant
from schemas.core.records import IMPORTED
from schemas.core.verdict import Valid, judge
from schemas.lake.catalog import read_applied
from schemas.lake.generations import all_generations
from schemas.lake.imports import append_import
from schemas.lake.tables import committed, data_at, open_table
from schemas.settings import Settings

_TIMEOUT_MS: Final = 10_000
_ROW_GROUP: Final = 20_000
"""Rows that Spark reads as one piece: a file of one group would keep one core."""
_RETRIES: Final = 15


@dataclass(frozen=True)
class Imported:
    """`broken` of the records lack what the event requires or have other types; rules are judged by the next run.

    `new` is False where this content was imported before. `pending` are the published views of the event: their
    answers are incomplete until a batch run has read the import.
    """

    import_id: str
    records: int
    broken: int
    new: bool
    pending: tuple[str, ...] = ()


def import_file(settings: Settings, event: Event, file: Path, now: Instant) -> Imported:
    """Append a file to raw, or nothing if any record declares itself available where the stream already is.

    Raises `RefusedError` for that and for an event without `imported_at`; `BadValue` for a file that cannot be read.
    """
    if event.imported_at is None:
        raise RefusedError(
            f"event `{event.name}` does not say when imported facts were available; "
            "give it `imported_at=`, such as `col('event_time')`"
        )
    import_id = _hash(file)
    with importing(settings, event.name):
        table = raw_table(settings.lake, event.name)
        if transaction(table, _application(import_id)) is not None:
            _list(settings.lake, event, import_id, now)
            return Imported(import_id, _records(table, import_id), 0, new=False)
        held = archived(settings.lake, event.name).get(IMPORTED)
        rows = _Rows(event, import_id, offset=held.last_offset + 1 if held else 0, limit=_limit(settings, event, now))
        _append(table, rows, read_bodies(event, file))
        _list(settings.lake, event, import_id, now)
        return Imported(import_id, rows.records, rows.broken, new=True, pending=_published(settings.lake, event))


class _Rows:
    """Makes rows of raw from bodies, and counts them."""

    def __init__(self, event: Event, import_id: str, *, offset: int, limit: Instant) -> None:
        self.event, self.import_id, self.offset, self.limit = _without_rules(event), import_id, offset, limit
        self.records, self.broken = 0, 0
        self.error: TidelineError | None = None

    def batches(self, bodies: Bodies) -> Iterator[pa.RecordBatch]:
        """The rows in order; keeps the error that ends them, since the writer hides what its source raises."""
        try:
            for some in bodies:
                yield self._batch(some)
        except TidelineError as error:
            self.error = error
            raise

    def _batch(self, bodies: list[bytes]) -> pa.RecordBatch:
        size, first = len(bodies), self.offset + self.records
        columns: dict[str, Any] = {
            names.PARTITION: pa.repeat(pa.scalar(IMPORTED, pa.int32()), size),
            names.OFFSET: pa.array(range(first, first + size), pa.int64()),
            "log_append": pa.repeat(True, size),
            "key": pa.array([self._key(body) for body in bodies], pa.binary()),
            "body": pa.array(bodies, pa.binary()),
            "tick": pa.repeat(False, size),
            "import_id": pa.repeat(self.import_id, size),
        }
        self.records += size
        return pa.RecordBatch.from_arrays(
            [columns.get(field.name, pa.nulls(size, field.type)) for field in RAW], schema=RAW
        )

    def _key(self, body: bytes) -> bytes | None:
        verdict = judge(self.event, body, available_at=Instant(0), imported=True)
        if not isinstance(verdict, Valid):
            self.broken += 1
            return None
        if verdict.available_at >= self.limit:
            raise RefusedError(
                f"record `{verdict.event_id}` declares itself available at {format_instant(verdict.available_at)}, and "
                f"the stream of event `{self.event.name}` begins with the epoch of {format_instant(self.limit)}: "
                "imports lie below it, so nothing was imported. Leave out what is later, or produce it to the topic"
            )
        return verdict.event_id.encode()


def _without_rules(event: Event) -> Event:
    """The event with its types alone, which are all that decides when a record was available."""
    assert event.imported_at is not None
    return Event(
        event.name,
        fields=dict(event.fields),
        skew=format_duration(event.skew),
        imported_at=Expr(event.imported_at),
    )


def _append(table: Path, rows: _Rows, bodies: Bodies) -> None:
    """One commit, or none."""
    first = next(rows.batches(bodies), None)
    if first is None:
        return
    opened = open_table(table)
    append = partial(
        write_deltalake,
        opened,
        pa.RecordBatchReader.from_batches(RAW, itertools.chain([first], rows.batches(bodies))),
        mode="append",
        writer_properties=WriterProperties(compression="SNAPPY", max_row_group_size=_ROW_GROUP),
    )
    under = [Transaction(_application(rows.import_id), 1)]
    try:
        # What the archive appends meanwhile is nothing to an import.
        if committed(table, opened.version(), append, under=under, retries=_RETRIES):
            return
    except Exception:
        if rows.error is None:
            raise
    overtaken = f"table `{table}` was written to meanwhile, so nothing was imported; import the file again"
    raise rows.error or UnavailableError(overtaken)


def _application(import_id: str) -> str:
    return f"import/{import_id}"


def _records(table: Path, import_id: str) -> int:
    count: int = data_at(table).count_rows(filter=ds.field("import_id") == import_id)
    return count


def _hash(file: Path) -> str:
    if not file.is_file():
        raise BadValue(f"there is no file `{file}`")
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _list(lake: Path, event: Event, import_id: str, now: Instant) -> None:
    """After the commit to raw: an import that is listed is there; one that is not yet is listed when it comes again."""
    append_import(lake, event.name, import_id, records=imported(lake, event.name), now=now)


def _published(lake: Path, event: Event) -> tuple[str, ...]:
    of_event = {each.definition for each in read_applied(lake).values() if each.view.on.name == event.name}
    return tuple(sorted({each.view for each in all_generations(lake) if each.definition in of_event}))


def _limit(settings: Settings, event: Event, now: Instant) -> Instant:
    """The start of the epoch in which the topic begins, or of now while there is no topic: no boundary is lower."""
    held = archived(settings.lake, event.name)
    begun = [each.first_available_at for partition, each in held.items() if partition != IMPORTED]
    known = [each for each in begun if each is not None]
    first = min(known) if known else _first_record(settings.kafka, event.name)
    return import_limit(first, now, event.epoch)


def _first_record(kafka: str, event: str) -> Instant | None:
    """When the first record of the topic was appended; None without a topic or records."""
    topic = names.event_topic(event)
    with connected(KafkaConsumer, kafka) as consumer:
        partitions = [TopicPartition(topic, each) for each in consumer.partitions_for_topic(topic) or ()]
        found = consumer.offsets_for_times(dict.fromkeys(partitions, 0)) if partitions else {}
        return min((Instant(each.timestamp) for each in found.values() if each is not None), default=None)
