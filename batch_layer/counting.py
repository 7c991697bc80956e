"""The counts of one interval of availability, of raw and of what was made of it apart.

[-inf ──────────────)[start ── counted ── end)
       └ 2 horizons ┘ ids are looked back at;  of raw, the offsets that the interval has
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from batch_layer.copies import COLUMNS, count_copies, reach
from batch_layer.tables import quarantine_table, raw_table, valid_table
from schemas.core import names
from schemas.core.events import Event
from schemas.core.instants import Instant
from schemas.core.records import IMPORTED
from schemas.lake.tables import data_at
from schemas.lake.tallies import Counts


def count_interval(lake: Path, event: Event, start: Instant | None, end: Instant) -> Counts:
    """Count what the tables hold of `[start, end)`; `start` None is from the first record on, imports among them.

    Reads the files that reach into the interval, and as `Counts` says those of two horizons before it.
    """
    valid, within = data_at(valid_table(lake, event)), _within(start, end)
    rows = valid.to_table(columns=list(COLUMNS), filter=within)
    counted = int(np.count_nonzero(rows[names.COUNTED].to_numpy()))
    earlier = [] if start is None else _copied_from(valid, event, start, rows["event_id"])
    stray, beyond = count_copies(pa.concat_tables([rows, *earlier]), start, event.horizon)
    return Counts(
        received=count_received(lake, event.name, start, end),
        valid=counted,
        duplicate=rows.num_rows - counted,
        quarantined=data_at(quarantine_table(lake, event)).count_rows(filter=within),
        stray=stray,
        beyond_horizon=beyond,
    )


def count_received(lake: Path, event: str, start: Instant | None, end: Instant | None) -> int:
    """Count the coordinates, without ticks, whose least instant lies in `[start, end)`; None is without a bound.

    Imports, and what came before any timestamp of the broker, lie before all that has an instant.
    """
    raw = data_at(raw_table(lake, event))
    found = _offsets(raw, _within(start, end))
    known: Mapping[int, Any] = {}
    if start is not None and found:
        # A coordinate that was archived twice is counted where it came first.
        known = _offsets(raw, _with_offsets(found) & _below(start))
    return sum(len(np.setdiff1d(each, known.get(partition, ()))) for partition, each in found.items())


def _within(start: Instant | None, end: Instant | None) -> Any:
    """What lies in `[start, end)`, as raw, valid and quarantine alike tell it."""
    at, partition = ds.field("available_at"), ds.field(names.PARTITION)
    if start is None:
        return ds.scalar(True) if end is None else _below(end) | (partition == IMPORTED)
    since = (at >= start) & (partition != IMPORTED)
    return since if end is None else since & (at < end)


def _below(end: Instant) -> Any:
    at = ds.field("available_at")
    return (at < end) | at.is_null()


def _copied_from(valid: ds.Dataset, event: Event, start: Instant, ids: pa.ChunkedArray) -> Iterator[pa.Table]:
    """The valid records of two horizons back that have one of these ids, batch by batch."""
    if not len(ids):
        return
    at = ds.field("available_at")
    back = (at >= start - reach(event.horizon)) & (at < start)
    wanted = pc.unique(ids)
    for batch in valid.to_batches(columns=list(COLUMNS), filter=back):
        yield pa.Table.from_batches([batch.filter(pc.is_in(batch["event_id"], value_set=wanted))])


def _offsets(raw: ds.Dataset, condition: Any) -> dict[int, Any]:
    """By partition the offsets of the rows that meet a condition and are no ticks."""
    rows = raw.to_table(columns=[names.PARTITION, names.OFFSET], filter=condition & ~ds.field("tick"))
    partition, offset = rows[names.PARTITION].to_numpy(), rows[names.OFFSET].to_numpy()
    return {int(each): offset[partition == each] for each in np.unique(partition)}


def _with_offsets(offsets: Mapping[int, Any]) -> Any:
    """What could be of one of these coordinates: by its bounds, since files are told apart by theirs."""
    partition, offset = ds.field(names.PARTITION), ds.field(names.OFFSET)
    ranges = [
        (partition == of) & (offset >= int(each.min())) & (offset <= int(each.max())) for of, each in offsets.items()
    ]
    return reduce(or_, ranges)
