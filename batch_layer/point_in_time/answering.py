"""What views would have answered at each row of a spine, by Spark: one version of each valid table in, answers out.

A spine has `available_at`, the instant that is asked about, its rows' identity, and the fields that name entities.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from batch_layer.compile import quoted
from batch_layer.little import read_where
from batch_layer.point_in_time.compile import ANSWER, Span, asked_sql, before_sql, known_sql
from batch_layer.point_in_time.points import CHUNK, IDENTITY, answers, answers_schema, key_column
from batch_layer.tables import judged_application, judged_boundary, valid_table
from schemas.core import names
from schemas.core.codec import contract_of
from schemas.core.errors import RefusedError
from schemas.core.events import Event
from schemas.core.instants import Instant
from schemas.core.models import Ask
from schemas.lake.tables import open_table
from schemas.lake.training_sets import Source

_ROWS: Final = 250_000
"""Rows that one task answers at most, as far as chunks allow: they are held in memory together."""


@dataclass(frozen=True)
class Read:
    """A valid table at one version, judged up to a boundary."""

    table: Path
    source: Source
    until: Instant

    @property
    def opened(self) -> DeltaTable:
        """As it was read."""
        return open_table(self.table, version=self.source.version)


def read_judged(lake: Path, event: Event) -> Read:
    """The newest version; raises RefusedError where the event is not judged."""
    table = valid_table(lake, event)
    opened = open_table(table)
    until = judged_boundary(opened, judged_application(lake, event))
    if until is None:
        raise RefusedError(
            f"event `{event.name}` is not judged by its contract, or not since history was imported, so no row is "
            "point in time; run `tideline batch run`"
        )
    return Read(table, Source(contract_of(event), opened.version()), until)


def counted_relation(spark: SparkSession, read: Read, relation: str) -> str:
    """What counts of a valid table, under a name."""
    rows = read_where(spark, read.table, ds.scalar(True), version=read.source.version)
    rows.where(quoted(names.COUNTED)).createOrReplaceTempView(relation)
    return relation


def answers_at(spark: SparkSession, ask: Ask, counted: str, spine: str, span: Span, rows: int) -> DataFrame:
    """The answers of a view at every spine row that names an entity; `rows` is about how many that and its events are.

    The features are one column, `ANSWER`, beside the identity of the row.
    """
    asked = spark.sql(asked_sql(ask, spine, span))
    relation = f"asked_{uuid.uuid4().hex}"
    asked.createOrReplaceTempView(relation)
    needed = spark.sql(known_sql(ask, counted, span)).unionByName(asked, allowMissingColumns=True)
    before = before_sql(ask, counted, relation, span)
    if before is not None:
        needed = needed.unionByName(spark.sql(before), allowMissingColumns=True)
    tasks = max(spark.sparkContext.defaultParallelism, -(-rows // _ROWS))
    groups = [quoted(CHUNK), *(quoted(key_column(field)) for field in ask.view.by)]
    return needed.repartition(tasks, *groups).mapInArrow(_answering(ask), from_arrow_schema(_schema(ask)))


def rows_asked(spine: int, read: Read) -> int:
    """About how many rows there are to answer from: what asks, and its events, which are in one or two chunks."""
    events: int = sum(pa.table(read.opened.get_add_actions(flatten=True))["num_records"].to_pylist())
    return spine + 2 * events


def _answering(ask: Ask) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def answer(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held = list(batches)
        if held:
            found = answers(ask, pa.Table.from_batches(held)).combine_chunks()
            row = [found[name].combine_chunks() for name in found.column_names]
            together = pa.StructArray.from_arrays(row[len(IDENTITY) :], fields=list(_schema(ask).field(ANSWER).type))
            yield pa.RecordBatch.from_arrays([*row[: len(IDENTITY)], together], schema=_schema(ask))

    return answer


def _schema(ask: Ask) -> pa.Schema:
    """The features of an ask beside the identity of the row, as one column."""
    columns = list(answers_schema(ask))
    return pa.schema([*columns[: len(IDENTITY)], (ANSWER, pa.struct(columns[len(IDENTITY) :]))])
