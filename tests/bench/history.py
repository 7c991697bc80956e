"""Generated sales in a raw table as the archive leaves them: bytes with their coordinates, and the ticks that end them.

Written by pyarrow and deltalake, not by the archive, whose rate is Kafka's. Events come evenly, to one partition after
the other, so that twice the events are twice the time; keys are drawn evenly. One event in a hundred is a copy of an
earlier one of its partition, which does not count.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import WriterProperties, write_deltalake

from batch_layer.tables import RAW, raw_table
from schemas.core import names
from schemas.core.instants import DAY, Instant, parse_instant
from tests.bench.publish import SALE

BEGINS: Final = parse_instant("2026-01-01T00:00:00Z")
COPIES: Final = 100
"""One event in so many is a copy."""
_BEHIND: Final = 10
"""How many events of its partition a copy comes after the first."""
_CHUNK: Final = 1_000_000
_LAG: Final = 250
"""Milliseconds between an event and its append."""

Numbers = npt.NDArray[np.int64]


def write_sales(lake: Path, start: Instant, end: Instant, *, a_day: int, keys: int) -> int:
    """Append the sales of `[start, end)`, both starts of an epoch, and ticks that let `end` be a boundary; how many."""
    table, first, last = raw_table(lake, SALE.name), _number(start, a_day), _number(end, a_day)
    for number in range(first, last, _CHUNK):
        _append(table, _sales(np.arange(number, min(number + _CHUNK, last)), a_day=a_day, keys=keys))
    _append(table, _ticks(last, end))
    return last - first


def _number(at: Instant, a_day: int) -> int:
    """The first sale available at an instant or later."""
    return -(-(at - BEGINS) * a_day // DAY)


def _append(table: Path, rows: Any) -> None:
    properties = WriterProperties(compression="SNAPPY")
    write_deltalake(str(table), rows, mode="append", partition_by=[names.PARTITION], writer_properties=properties)


def _available(number: Numbers, a_day: int) -> Numbers:
    return BEGINS + number * DAY // a_day


def _sales(number: Numbers, *, a_day: int, keys: int) -> Any:
    at = _available(number, a_day)
    is_copy = number % COPIES == COPIES - 1
    sold = np.where(is_copy, number - _BEHIND * SALE.partitions, number)
    # Every second offset is left to a tick; transactions leave such gaps too.
    offsets = number // SALE.partitions * 2
    return _rows(number, offsets, at, _bodies(sold, _available(sold, a_day) - _LAG, keys), tick=False)


def _bodies(sold: Numbers, happened: Numbers, keys: int) -> Any:
    """The JSON of each; whatever a copy says is what the first said."""
    shops = (sold.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(20)) % np.uint64(keys)
    times = pc.strftime(pa.array(happened, pa.timestamp("ms")), format="%Y-%m-%dT%H:%M:%SZ")
    parts = [
        '{"event_id":"s',
        pa.array(sold).cast(pa.string()),
        '","event_time":"',
        times,
        '","shop":',
        pa.array(shops.astype(np.int64)).cast(pa.string()),
        ',"cents":',
        pa.array(sold % 10_000).cast(pa.string()),
        "}",
    ]
    return pc.binary_join_element_wise(*parts, "").cast(pa.binary())


def _ticks(last: int, at: Instant) -> Any:
    """One for each partition, behind all that it holds."""
    size = SALE.partitions
    offsets = np.full(size, 2 * (last // size) - 1 + 2)
    return _rows(np.arange(size), offsets, np.full(size, int(at)), pa.nulls(size, pa.binary()), tick=True)


def _rows(number: Numbers, offsets: Numbers, at: Numbers, bodies: Any, *, tick: bool) -> Any:
    size = len(number)
    columns = {
        "topic": pa.array([names.event_topic(SALE.name)] * size),
        "topic_id": pa.array(["made-by-a-bench"] * size),
        names.PARTITION: pa.array((number % SALE.partitions).astype(np.int32)),
        names.OFFSET: pa.array(offsets),
        "append_time": pa.array(at),
        "log_append": pa.array(np.full(size, True)),
        "available_at": pa.array(at),
        "key": pa.nulls(size, pa.binary()),
        "body": bodies,
        "tick": pa.array(np.full(size, tick)),
        "import_id": pa.nulls(size, pa.string()),
    }
    return pa.table([columns[name] for name in RAW.names], schema=RAW)
