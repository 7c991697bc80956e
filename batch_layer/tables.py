"""The Delta tables that batch owns: their schemas, and what their logs know without reading a row.

Raw is partitioned by `_partition`, so that the greatest offset and instant of each partition stand in the log.
Tables are created here and only ever appended to, or replaced over an interval, by Spark.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from schemas.core import names
from schemas.core.aggregates import Earliest, FloatTotal, Greatest, Kind, Latest, Least, Tally, Total
from schemas.core.codec import contract_of, definition_of
from schemas.core.events import Event
from schemas.core.instants import Instant
from schemas.core.picks import INSTANT_SHIFT
from schemas.core.records import IMPORTED
from schemas.core.types import Bool, Decimal, Float64, Int64, String, Timestamp, Type
from schemas.core.views import View
from schemas.lake.commits import seal_commits
from schemas.lake.tables import open_table, require_log

RAW: Final = pa.schema(
    [
        ("topic", pa.string()),
        ("topic_id", pa.string()),
        (names.PARTITION, pa.int32()),
        (names.OFFSET, pa.int64()),
        ("append_time", pa.int64()),
        ("log_append", pa.bool_()),
        ("available_at", pa.int64()),
        ("key", pa.binary()),
        ("body", pa.binary()),
        ("tick", pa.bool_()),
        ("import_id", pa.string()),
    ]
)

QUARANTINE: Final = pa.schema(
    [
        ("topic", pa.string()),
        (names.PARTITION, pa.int32()),
        (names.OFFSET, pa.int64()),
        ("append_time", pa.int64()),
        ("available_at", pa.int64()),
        ("key", pa.binary()),
        ("body", pa.binary()),
        ("reason", pa.string()),
    ]
)

TOPIC_ID_LENGTH: Final = 32

_WRITTEN: Final = [f"partition.{names.SEGMENT}", "modification_time"]

_CONFIGURATION: Final[Mapping[str, str | None]] = {"delta.checkpointInterval": "100"}


def raw_table(lake: Path, event: str) -> Path:
    """The event's raw table, created if it is not there."""
    return _created(lake / names.raw_table(event), RAW, [names.PARTITION])


def valid_table(lake: Path, event: Event) -> Path:
    """The table of what meets this contract, created if it is not there."""
    return _created(lake / names.valid_table(event.name, contract_of(event)), valid_schema(event), [])


def valid_schema(event: Event) -> pa.Schema:
    """The columns of what is valid of an event."""
    fields = [(name, arrow_type(field.type)) for name, field in event.fields]
    return pa.schema(
        [
            ("event_id", pa.string()),
            ("available_at", pa.int64()),
            (names.PARTITION, pa.int32()),
            (names.OFFSET, pa.int64()),
            ("event_time", pa.int64()),
            *fields,
            (names.COUNTED, pa.bool_()),
        ]
    )


def quarantine_table(lake: Path, event: Event) -> Path:
    """The table of what breaks this contract, created if it is not there."""
    return _created(lake / names.quarantine_table(event.name, contract_of(event)), QUARANTINE, [])


def segments_table(lake: Path, view: View) -> Path:
    """The table of all segments of this definition, created if it is not there."""
    schema = pa.schema(
        [
            *((name, arrow_type(of)) for name, of in view.key_types.items()),
            (names.TILE, pa.int64()),
            (names.N, pa.int64()),
            *((name, partial_type(partial.kind)) for name, partial in view.partials),
            (names.SEGMENT, pa.string()),
        ]
    )
    return _created(lake / names.segments_table(view.name, definition_of(view)), schema, [names.SEGMENT])


@dataclass(frozen=True)
class Archived:
    """What the log of a raw table says of one partition; `records` counts ticks too."""

    records: int
    last_offset: int
    first_available_at: Instant | None
    available_at: Instant | None
    """The greatest; None where the broker has set no timestamp yet, and for imports."""


def archived(lake: Path, event: str) -> dict[int, Archived]:
    """By partition; imports are partition -1. Empty where nothing is archived."""
    actions = _actions(lake / names.raw_table(event))
    if actions is None or not actions.num_rows:
        return {}
    grouped = actions.group_by(f"partition.{names.PARTITION}").aggregate(
        [
            ("num_records", "sum"),
            (f"max.{names.OFFSET}", "max"),
            ("min.available_at", "min"),
            ("max.available_at", "max"),
        ]
    )
    return {
        int(row[f"partition.{names.PARTITION}"]): Archived(
            records=row["num_records_sum"],
            last_offset=row[f"max.{names.OFFSET}_max"],
            first_available_at=row["min.available_at_min"],
            available_at=row["max.available_at_max"],
        )
        for row in grouped.to_pylist()
    }


def topic_ids(lake: Path, event: str) -> set[str]:
    """The topics that raw was archived from, each cut to the `TOPIC_ID_LENGTH` that a log keeps of a text."""
    actions = _actions(lake / names.raw_table(event))
    if actions is None:
        return set()
    found = {each for bound in ("min", "max") for each in actions[f"{bound}.topic_id"].to_pylist()}
    return {each[:TOPIC_ID_LENGTH] for each in found if each is not None}


def segment_rows(lake: Path, view: View) -> dict[str, int]:
    """How many rows each segment of this definition holds; a segment without rows is not listed."""
    actions = _actions(lake / names.segments_table(view.name, definition_of(view)))
    if actions is None or not actions.num_rows:
        return {}
    counted = actions.group_by(f"partition.{names.SEGMENT}").aggregate([("num_records", "sum")])
    return {row[f"partition.{names.SEGMENT}"]: row["num_records_sum"] for row in counted.to_pylist()}


def last_written(table: Path) -> dict[str, Instant]:
    """When a row of each segment in a table of segments was last written; empty where there is no table."""
    actions = _actions(table)
    found: dict[str, Instant] = {}
    for row in [] if actions is None else actions.select(_WRITTEN).to_pylist():
        segment, at = row[_WRITTEN[0]], Instant(row[_WRITTEN[1]])
        found[segment] = max(at, found.get(segment, at))
    return found


@dataclass(frozen=True)
class Reached:
    """How many rows a table holds and the greatest value of one column, None where no row has one."""

    rows: int
    value: int | None


def greatest(table: Path, column: str) -> Reached:
    """What the log of a table says of a column."""
    actions = _actions(table)
    if actions is None:
        return Reached(0, None)
    values = [value for value in actions[f"max.{column}"].to_pylist() if value is not None]
    return Reached(sum(actions["num_records"].to_pylist()), max(values, default=None))


def least(table: Path, column: str) -> Instant | None:
    """The least value of a column that the log of a table knows of; None where no row has one."""
    actions = _actions(table)
    values = [] if actions is None or not actions.num_rows else actions[f"min.{column}"].to_pylist()
    return min((Instant(value) for value in values if value is not None), default=None)


@dataclass(frozen=True)
class Stored:
    """What files hold, as a log says: rows, and their bytes compressed."""

    rows: int
    bytes: int

    def __add__(self, other: Stored) -> Stored:
        return Stored(self.rows + other.rows, self.bytes + other.bytes)


def stored_since(table: Path, start: Instant | None) -> Stored:
    """At most what became available at `start` or later: all files that reach to it. None: all there is."""
    return stored_between(table, start, None)


def stored_between(table: Path, start: Instant | None, end: Instant | None) -> Stored:
    """At most what became available in `[start, end)`: all files that reach into it; None is without a bound."""
    found = Stored(0, 0)
    actions = _actions(table)
    for row in [] if actions is None else actions.to_pylist():
        if _reaches_into(row, start, end):
            found += Stored(row["num_records"], row["size_bytes"])
    return found


def _reaches_into(row: Mapping[str, int | None], start: Instant | None, end: Instant | None) -> bool:
    if start is None and end is None:
        return True
    # Imports have no instant in raw: a file of them reaches nowhere.
    if row["null_count.available_at"] == row["num_records"]:
        return False
    least, greatest = row["min.available_at"], row["max.available_at"]
    return not (
        (start is not None and greatest is not None and greatest < start)
        or (end is not None and least is not None and least >= end)
    )


def stored_in(lake: Path, view: View, segments: Collection[str]) -> Stored:
    """What these segments of a definition hold."""
    actions = _actions(lake / names.segments_table(view.name, definition_of(view)))
    rows = [] if actions is None else actions.to_pylist()
    of = [row for row in rows if row[f"partition.{names.SEGMENT}"] in segments]
    return Stored(sum(row["num_records"] for row in of), sum(row["size_bytes"] for row in of))


def judged_until(lake: Path, event: Event) -> Instant | None:
    """Up to where the valid table reaches, having read every import that raw holds; None: judge from the start."""
    return judged_boundary(open_table(valid_table(lake, event)), judged_application(lake, event))


def judged_boundary(valid: DeltaTable, application: str) -> Instant | None:
    """The same of a valid table as it was opened."""
    version = valid.transaction_version(application)
    return None if version is None else Instant(version - INSTANT_SHIFT)


def judged_version(end: Instant) -> int:
    """The version of a transaction that judges up to `end`; versions are not negative, instants may be."""
    return end + INSTANT_SHIFT


def imported(lake: Path, event: str) -> int:
    """How many imported records raw holds."""
    held = archived(lake, event).get(IMPORTED)
    return held.records if held else 0


def judged_application(lake: Path, event: Event) -> str:
    """The application whose transactions are boundaries; another import makes it another."""
    return f"judged/{imported(lake, event.name)}"


def transaction(table: Path, application: str) -> int | None:
    """The version that this application last committed."""
    try:
        return open_table(table).transaction_version(application)
    except TableNotFoundError:
        return None


def arrow_type(of: Type) -> pa.DataType:
    """The stored type of a field; timestamps are milliseconds."""
    match of:
        case Bool():
            return pa.bool_()
        case Int64() | Timestamp():
            return pa.int64()
        case Float64():
            return pa.float64()
        case Decimal(scale):
            return pa.decimal128(18, scale)
        case String():
            return pa.string()


def partial_type(kind: Kind) -> pa.DataType:
    """The type of a stored partial."""
    match kind:
        case Tally():
            return pa.int64()
        case Total(scale):
            return pa.decimal128(38, scale)
        case FloatTotal():
            return pa.float64()
        case Least(of) | Greatest(of):
            return arrow_type(of)
        case Earliest() | Latest():
            return pa.string()


def _created(path: Path, schema: pa.Schema, partition_by: list[str]) -> Path:
    """Spark takes an empty entry of a log for a commit of nothing, so the log is looked at before."""
    if (path / "_delta_log").exists():
        require_log(path)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        DeltaTable.create(str(path), schema, mode="ignore", partition_by=partition_by, configuration=_CONFIGURATION)
        seal_commits(path, -1)
    return path


def _actions(path: Path) -> pa.Table | None:
    try:
        return pa.table(open_table(path).get_add_actions(flatten=True))
    except TableNotFoundError:
        return None
