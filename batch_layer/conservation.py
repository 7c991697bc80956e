"""Conservation: every record that was received is valid, a duplicate or in quarantine, and nothing else is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable

from batch_layer.tables import quarantine_table, raw_table, valid_table
from schemas.core import names
from schemas.core.events import Event
from schemas.core.instants import Instant
from schemas.core.records import IMPORTED
from schemas.lake.losses import lost_offsets, read_losses
from schemas.lake.tables import data_of

_PLACE: Final = [names.PARTITION, names.OFFSET]


@dataclass(frozen=True)
class Conservation:
    """Counts of one event under one contract, below the boundary to which it is judged.

    `received` are distinct coordinates without ticks. `valid` count; `duplicate` are copies within the horizon.
    `stray` and `beyond_horizon` are parts of `valid`: those whose id also counts in another partition, and those
    that follow a copy in their own. `waiting` are received at or beyond the boundary, and in none of the others.
    `lost` are offsets that the log lost and a person accepted: at most so many records, and none was received.
    """

    received: int
    valid: int
    duplicate: int
    quarantined: int
    stray: int
    beyond_horizon: int
    waiting: int
    lost: int

    @property
    def holds(self) -> bool:
        """Whether nothing was lost and nothing doubled."""
        return self.received == self.valid + self.duplicate + self.quarantined

    def encode(self) -> dict[str, object]:
        """For `--json`."""
        return {**asdict(self), "holds": self.holds}


def conservation(lake: Path, event: Event, until: Instant | None) -> Conservation:
    """Count what the tables of an event hold; `until` None is an event that was never judged."""
    raw = _read(raw_table(lake, event.name), [*_PLACE, "available_at"], ~ds.field("tick"))
    raw = raw.group_by(_PLACE).aggregate([("available_at", "min")])
    received = _count(raw, _below(until, "available_at_min"))
    # A run beside this one may have judged beyond `until` meanwhile.
    judged = _below(until, "available_at")
    valid = _read(valid_table(lake, event), ["event_id", names.PARTITION, names.COUNTED], judged)
    counted = valid.filter(ds.field(names.COUNTED))
    by_partition = counted.group_by(["event_id", names.PARTITION]).aggregate([([], "count_all")])
    by_id = by_partition.group_by("event_id").aggregate([("count_all", "sum"), ([], "count_all")])
    strays = by_id.filter(ds.field("count_all") > 1)
    return Conservation(
        received=received,
        valid=counted.num_rows,
        duplicate=valid.num_rows - counted.num_rows,
        quarantined=_read(quarantine_table(lake, event), _PLACE, judged).num_rows,
        stray=sum(strays["count_all_sum"].to_pylist()),
        beyond_horizon=counted.num_rows - by_partition.num_rows,
        waiting=raw.num_rows - received,
        lost=lost_offsets(read_losses(lake).get(event.name, [])),
    )


def has_records(lake: Path, event: str, start: Instant | None, end: Instant) -> bool:
    """Whether raw holds anything but ticks with `available_at` in `[start, end)`."""
    if start is None:
        return True
    interval = (ds.field("available_at") >= start) & (ds.field("available_at") < end) & ~ds.field("tick")
    data = data_of(DeltaTable(str(raw_table(lake, event))))
    return bool(data.head(1, columns=[names.OFFSET], filter=interval).num_rows)


def _below(until: Instant | None, column: str) -> Any:
    if until is None:
        return ds.scalar(False)
    return (ds.field(column) < until) | ds.field(column).is_null() | (ds.field(names.PARTITION) == IMPORTED)


def _count(table: pa.Table, condition: Any) -> int:
    rows: int = table.filter(condition).num_rows
    return rows


def _read(table: Path, columns: Sequence[str], condition: Any = None) -> pa.Table:
    return data_of(DeltaTable(str(table))).to_table(columns=list(columns), filter=condition)
