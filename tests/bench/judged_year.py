"""A lake in which a year of flights is judged already: what Kafka, imports and verdicts would have come to.

Rows that break a contract are left out here by the one rule that the year breaks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake

from batch_layer.tables import judged_application, judged_version, valid_table
from infra.demo.flights import INSTANT, Year
from schemas.core.events import Event
from schemas.core.instants import DAY, Instant
from schemas.core.records import IMPORTED
from schemas.lake.tables import data_of

APART: Final = 7
"""Milliseconds between an event and its copies in a year of more than one density."""


def write_judged(lake: Path, year: Year, events: dict[str, Event], *, density: int = 1) -> Instant:
    """Every event of the year `density` times, each a different event a little later; until when all is judged."""
    until = max(_last(year[name]) for name in events) + DAY
    for name, event in events.items():
        table, rows = valid_table(lake, event), _rows(year[name], density)
        opened = DeltaTable(str(table))
        schema = data_of(opened).schema
        rows = rows.append_column("_offset", pa.array(range(rows.num_rows), pa.int64()))
        under = Transaction(judged_application(lake, event), judged_version(Instant(until)))
        write_deltalake(
            opened,
            pa.table([rows[each].cast(schema.field(each).type) for each in schema.names], schema=schema),
            mode="append",
            commit_properties=CommitProperties(app_transactions=[under]),
            writer_properties=WriterProperties(compression="SNAPPY", max_row_group_size=20_000),
        )
    return Instant(until)


def _rows(events: Any, density: int) -> Any:
    if "wind_speed" in events.column_names:
        events = events.filter(pc.fill_null(pc.less_equal(events["wind_speed"], 200), True))
    copies = [_copy(events, number) for number in range(density)]
    rows = pa.concat_tables(copies).sort_by([("event_time", "ascending"), ("event_id", "ascending")])
    size = rows.num_rows
    return (
        rows.append_column("available_at", rows["event_time"])
        .append_column("_partition", pa.array(np.full(size, IMPORTED), pa.int32()))
        .append_column("_counted", pa.array(np.full(size, True)))
    )


def _copy(events: Any, number: int) -> Any:
    columns = {}
    for name in events.column_names:
        column = events[name].cast(pa.int64()) if events[name].type == INSTANT else events[name]
        columns[name] = pc.add(column, number * APART) if name == "event_time" else column
    columns["event_id"] = (
        pc.binary_join_element_wise(columns["event_id"], str(number), "#") if number else columns["event_id"]
    )
    return pa.table(columns)


def _last(events: Any) -> int:
    last: int = pc.max(events["event_time"].cast(pa.int64())).as_py()
    return last
