"""What a day of a backfill costs over one, two and four times as much history before it.

python -m tests.bench.backfill

A lake of its own, without Kafka. Each history has as many events a day; it is judged at once, and its last day is
then built as a chunk is, three times. `read` is what of the valid table lies in the files that a day reads.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa
from deltalake import write_deltalake
from pyspark.sql import SparkSession

from batch_layer.backfill import plan
from batch_layer.little import fitting
from batch_layer.planning import new_segment
from batch_layer.segments import append_segments, partials
from batch_layer.session import spark_session
from batch_layer.tables import RAW, raw_table, stored_between, stored_since, valid_table
from schemas.core import names
from schemas.core.codec import definition_of
from schemas.core.instants import DAY, Instant, format_instant, parse_instant
from schemas.core.language import Event, View, count, float64, last, mean, string
from schemas.lake.catalog import Applied
from schemas.settings import Settings

DAYS: Final = 20
A_DAY: Final = 10_000
TIMES: Final = (1, 2, 4)
BEGIN: Final = parse_instant("2026-01-01T00:00:00Z")
EVENT: Final = Event("metered", fields={"meter": string, "kwh": float64}, epoch="1h", horizon="1h", partitions=1)
VIEW: Final = View(
    "meters",
    on=EVENT,
    by="meter",
    features={"n": count().over("1d", "7d"), "kwh": mean("kwh").over("7d"), "latest": last("kwh")},
)


@dataclass(frozen=True)
class Cost:
    """Of one day, after so many days."""

    days: int
    valid: int
    read: int
    seconds: float


def main() -> None:
    """Print a row a history."""
    print(f"{'days':>6} {'valid':>10} {'read':>10} {'a day, s':>10}")
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(Settings.from_environment({}), home=Path(folder))
        with spark_session(settings) as spark:
            _cost(settings, spark, 1)  # the first of a session compiles
            for times in TIMES:
                cost = _cost(replace(settings, home=settings.home / str(times)), spark, DAYS * times)
                print(f"{cost.days:>6} {cost.valid:>10,} {cost.read:>10,} {cost.seconds:>10.2f}", flush=True)


def _cost(settings: Settings, spark: SparkSession, days: int) -> Cost:
    write_deltalake(
        str(raw_table(settings.lake, EVENT.name)), pa.RecordBatchReader.from_batches(RAW, _raw(days)), mode="append"
    )
    applied = Applied(1, VIEW, definition_of(VIEW), False, BEGIN)
    planned = plan(settings, spark, applied, DAY, BEGIN, lambda _: None)
    assert len(planned.chunks) == days
    start, end = Instant(planned.boundary - DAY), planned.boundary
    table, seconds = valid_table(settings.lake, EVENT), []
    for _ in range(3):
        began, segment = time.monotonic(), new_segment(start, end)
        reads = stored_between(table, start, end)
        rows = partials(fitting(spark, reads), settings.lake, VIEW, segment)
        append_segments(settings.lake, VIEW, [(segment.id, rows)], of=reads)
        seconds.append(time.monotonic() - began)
    return Cost(
        days, stored_since(table, None).rows, stored_between(table, start, end).rows, statistics.median(seconds)
    )


def _raw(days: int) -> Iterator[pa.RecordBatch]:
    """A day a batch, and a tick after the last."""
    for day in range(days + 1):
        count_ = A_DAY if day < days else 1
        times = [BEGIN + day * DAY + each * (DAY // A_DAY) for each in range(count_)]
        bodies = [_body(day * A_DAY + each, at) for each, at in enumerate(times)] if day < days else [None]
        columns = {
            names.PARTITION: pa.array([0] * count_, pa.int32()),
            names.OFFSET: pa.array([day * A_DAY + each for each in range(count_)], pa.int64()),
            "append_time": pa.array(times, pa.int64()),
            "available_at": pa.array(times, pa.int64()),
            "log_append": pa.repeat(True, count_),
            "body": pa.array(bodies, pa.binary()),
            "tick": pa.repeat(day == days, count_),
        }
        yield pa.RecordBatch.from_arrays(
            [columns.get(field.name, pa.nulls(count_, field.type)) for field in RAW], schema=RAW
        )


def _body(number: int, at: int) -> bytes:
    fields = {"event_id": f"e{number}", "meter": f"m{number % 997}", "kwh": number % 89 / 7}
    return json.dumps({**fields, "event_time": format_instant(at)}).encode()


if __name__ == "__main__":
    main()
