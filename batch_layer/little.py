"""What a scheduled run does with little: few records in, few rows out.

Compiling a verdict takes Spark seconds, and a commit of its own a dozen jobs, whatever there is to judge. Few records
are judged sooner by the same expressions uncompiled, and few rows are committed sooner by deltalake; both are exact.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import Transaction, write_deltalake
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from batch_layer.tables import Stored
from schemas.core.instants import Instant
from schemas.lake.tables import committed, data_of, open_table

FEW: Final = 100_000
"""Records that are interpreted, and rows that are brought to this process, at most; a run of minutes has fewer."""
FEW_BYTES: Final = 64 * 2**20
"""Bytes of text that are brought to this process at most: few records may still be large."""
_FEW_STORED: Final = 16 * 2**20
"""The same where only files tell of it, which are compressed."""

# The second is made for Spark's own tests: a Spark that no longer knows it compiles again, slower and as right.
_INTERPRETED: Final = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}


def interpreting(spark: SparkSession) -> SparkSession:
    """A session of the same application whose expressions are interpreted instead of compiled."""
    session = spark.newSession()
    for name, value in _INTERPRETED.items():
        session.conf.set(name, value)
    return session


def fitting(spark: SparkSession, stored: Stored) -> SparkSession:
    """The session in which so many records are done with soonest."""
    return interpreting(spark) if stored.rows <= FEW else spark


def may_be_brought(stored: Stored) -> bool:
    """Whether so much is little enough for this process, as far as only files tell of it."""
    return stored.rows <= FEW and stored.bytes <= _FEW_STORED


def read_where(spark: SparkSession, table: Path, condition: ds.Expression, *, version: int | None = None) -> DataFrame:
    """The rows of the files that may meet a condition, as the log alone tells them apart; by default the newest.

    Spark's own reader of Delta starts four jobs to find that out. The rows of these files that do not meet it are there
    too. A table with features that would hide rows of a file is refused by `data_of`.
    """
    opened = open_table(table, version=version)
    schema = StructType.fromJson(json.loads(opened.schema().to_json()))
    files = [str(table / each.path) for each in data_of(opened).get_fragments(filter=condition)]
    if not files:
        return spark.createDataFrame(pa.schema(opened.schema().to_arrow()).empty_table(), schema)
    # Each is the name of one file, even where a character of the path could be a pattern's.
    reader = spark.read.schema(schema).option("basePath", str(table)).option("__globPaths__", "false")
    return reader.parquet(*files)


def read_between(spark: SparkSession, table: Path, start: Instant | None, end: Instant) -> DataFrame:
    """The rows with `available_at` in `[start, end)`; None is before all that has one."""
    at = ds.field("available_at")
    if start is None:
        return read_where(spark, table, at < end).where(f"`available_at` < {end}")
    rows = read_where(spark, table, (at >= start) & (at < end))
    return rows.where(f"`available_at` >= {start} AND `available_at` < {end}")


def append_few(table: Path, rows: pa.Table, *, application: str | None = None, version: int = 0) -> None:
    """Append rows in one commit, as Spark does under a transaction: not again where the application has come so far."""
    _commit(table, rows, application, version, None)


def replace_few(table: Path, rows: pa.Table, interval: str, *, application: str | None, version: int) -> None:
    """Commit rows in place of all that the interval holds, as Spark's `replaceWhere` does under a transaction."""
    _commit(table, rows, application, version, interval)


def _commit(table: Path, rows: pa.Table, application: str | None, version: int, interval: str | None) -> None:
    """Where another commit came between, begin again from it: it may have been of this application or interval."""
    under = [] if application is None else [Transaction(application, version)]
    while True:
        opened = open_table(table)
        reached = None if application is None else opened.transaction_version(application)
        if reached is not None and reached >= version:
            return
        write = partial(write_deltalake, opened, rows, mode="append")
        if interval is not None:
            write = partial(write_deltalake, opened, rows, mode="overwrite", predicate=interval)
        if committed(table, opened.version(), write, under=under):
            return
