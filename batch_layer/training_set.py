"""`training-set`: a Delta table with a row for each spine event of a model, as it would have been answered then.

Reads one version of each valid table and writes one version of the training table; what was read stands in the commit
and, once the rows are counted, in the list of `schemas/lake/training_sets.py`. Nothing else makes a set whole.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from batch_layer.compile import quoted
from batch_layer.compile_training import ANSWER, Span, asked_sql, before_sql, known_sql, labels_sql, rows_sql
from batch_layer.little import read_where
from batch_layer.outcomes import Report
from batch_layer.points import CHUNK, IDENTITY, answers, answers_schema, key_column
from batch_layer.tables import judged_application, judged_boundary, valid_table
from schemas.core import names
from schemas.core.codec import contract_of, model_of, training_set_of
from schemas.core.errors import RefusedError, TidelineError
from schemas.core.events import Event
from schemas.core.instants import Instant, format_instant
from schemas.core.models import Ask, Model
from schemas.lake.tables import data_of
from schemas.lake.training_sets import Source, TrainingSet, append_training_set

_ROWS: Final = 250_000
"""Rows that one task answers at most, as far as chunks allow: they are held in memory together."""


@dataclass(frozen=True)
class _Read:
    """A valid table at one version, judged up to a boundary."""

    table: Path
    source: Source
    until: Instant

    @property
    def opened(self) -> DeltaTable:
        return DeltaTable(str(self.table), version=self.source.version)


def build_training_set(  # noqa: PLR0913 - by keyword
    spark: SparkSession,
    lake: Path,
    model: Model,
    *,
    start: Instant | None = None,
    end: Instant | None = None,
    now: Instant,
    report: Report,
) -> TrainingSet:
    """Write the rows of spine events available in `[start, end)`; by default of all whose horizon has passed.

    Raises `RefusedError` where an event of the model is not judged, or no horizon has passed yet.
    """
    reads = {name: _read(lake, event) for name, event in model.events.items()}
    span, as_of = _span(model, reads, start, end)
    expected = _spine_rows(reads[model.on.name], span)
    report(f"answering {expected:,} rows")
    rows_of, build = training_set_of(model), uuid.uuid4().hex
    done = TrainingSet(
        model=model.name,
        rows_of=rows_of,
        version=0,
        start=span.start,
        end=span.end,
        as_of=as_of,
        rows=expected,
        sources={name: each.source for name, each in reads.items()},
        built_at=now,
    )
    metadata = {**asdict(done), "build": build, "definition": model_of(model)}
    table = lake / done.table
    _rows(spark, model, reads, span, expected).write.format("delta").mode("overwrite").option(
        "overwriteSchema", "true"
    ).option("userMetadata", json.dumps(metadata, sort_keys=True)).save(str(table))
    report("counting")
    done = _committed(table, done, build)
    append_training_set(lake, done)
    return done


def _read(lake: Path, event: Event) -> _Read:
    table = valid_table(lake, event)
    opened = DeltaTable(str(table))
    until = judged_boundary(opened, judged_application(lake, event))
    if until is None:
        raise RefusedError(
            f"event `{event.name}` is not judged by its contract, or not since history was imported, so no row is "
            "point in time; run `tideline batch run`"
        )
    return _Read(table, Source(contract_of(event), opened.version()), until)


def _span(model: Model, reads: Mapping[str, _Read], start: Instant | None, end: Instant | None) -> tuple[Span, Instant]:
    """What is asked about: not before the first spine event, nor after the last whose horizon has passed."""
    as_of = min(each.until for each in reads.values())
    within = pa.table(reads[model.on.name].opened.get_add_actions(flatten=True))
    known = [value for value in within["min.available_at"].to_pylist() if value is not None] if within.num_rows else []
    first = max([min(known, default=as_of), *([] if start is None else [start])])
    last = min([as_of - model.label.within + 1, *([] if end is None else [end])])
    if first >= last:
        raise RefusedError(
            f"no `{model.on.name}` between {format_instant(first)} and {format_instant(last)} has had its horizon pass "
            f"by {format_instant(as_of)}, up to where all events of model `{model.name}` are judged; ask later or wider"
        )
    return Span(Instant(first), Instant(last)), as_of


def _spine_rows(spine: _Read, span: Span) -> int:
    at = ds.field("available_at")
    condition = ds.field(names.COUNTED) & (at >= span.start) & (at < span.end)
    rows: int = data_of(spine.opened).count_rows(filter=condition)
    return rows


def _rows(spark: SparkSession, model: Model, reads: Mapping[str, _Read], span: Span, expected: int) -> DataFrame:
    """All rows, in no order."""
    made = uuid.uuid4().hex
    counted = {name: _counted(spark, each, f"counted_{name}_{made}") for name, each in reads.items()}
    spine = f"spine_{made}"
    in_span = f"`available_at` >= {span.start} AND `available_at` < {span.end}"
    spark.sql(f"SELECT * FROM {counted[model.on.name]} WHERE {in_span}").createOrReplaceTempView(spine)
    answered = []
    for name, ask in model.asks:
        relation = f"answers_{name}_{made}"
        rows = expected + 2 * _table_rows(reads[ask.view.on.name])
        _answers(spark, ask, counted[ask.view.on.name], spine, span, rows).createOrReplaceTempView(relation)
        answered.append((name, relation))
    labels = f"labels_{made}"
    spark.sql(labels_sql(model.label, spine, counted[model.label.on.name], span)).createOrReplaceTempView(labels)
    return spark.sql(rows_sql(model, spine, answered, labels))


def _counted(spark: SparkSession, read: _Read, relation: str) -> str:
    rows = read_where(spark, read.table, ds.scalar(True), version=read.source.version)
    rows.where(quoted(names.COUNTED)).createOrReplaceTempView(relation)
    return relation


def _table_rows(read: _Read) -> int:
    return sum(pa.table(read.opened.get_add_actions(flatten=True))["num_records"].to_pylist())


def _answers(spark: SparkSession, ask: Ask, counted: str, spine: str, span: Span, rows: int) -> DataFrame:
    """The answers of a view at every spine event that names an entity."""
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


def _committed(table: Path, done: TrainingSet, build: str) -> TrainingSet:
    """The set under the version of its own commit; raises TidelineError where a row was lost or doubled."""
    opened = DeltaTable(str(table))
    commits = opened.history()
    version = next(each["version"] for each in commits if build in str(each.get("userMetadata")))
    opened.load_as_version(version)
    rows = sum(pa.table(opened.get_add_actions(flatten=True))["num_records"].to_pylist())
    if rows != done.rows:
        raise TidelineError(
            f"the training set of model `{done.model}` has {rows:,} rows for {done.rows:,} spine events, so it is not "
            "listed and nothing learns from it; this is a fault of ours"
        )
    return TrainingSet(**{**vars(done), "version": version})
