"""`training-set`: a Delta table with a row for each spine event of a model, as it would have been answered then.

Reads one version of each valid table and writes one version of the training table; what was read stands in the commit
and, once the rows are counted, in the list of `schemas/lake/training_sets.py`. Nothing else makes a set whole.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
from pyspark.sql import DataFrame, SparkSession

from batch_layer.outcomes import Report
from batch_layer.point_in_time.answering import Read, answers_at, counted_relation, read_judged, rows_asked
from batch_layer.point_in_time.compile import Span, labels_sql, rows_sql
from schemas.core import names
from schemas.core.codec import model_of, training_set_of
from schemas.core.errors import RefusedError, TidelineError
from schemas.core.instants import Instant, format_instant
from schemas.core.models import Model
from schemas.lake.tables import data_of, open_table
from schemas.lake.training_sets import TrainingSet, append_training_set


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
    reads = {name: read_judged(lake, event) for name, event in model.events.items()}
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


def _span(model: Model, reads: Mapping[str, Read], start: Instant | None, end: Instant | None) -> tuple[Span, Instant]:
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


def _spine_rows(spine: Read, span: Span) -> int:
    at = ds.field("available_at")
    condition = ds.field(names.COUNTED) & (at >= span.start) & (at < span.end)
    rows: int = data_of(spine.opened).count_rows(filter=condition)
    return rows


def _rows(spark: SparkSession, model: Model, reads: Mapping[str, Read], span: Span, expected: int) -> DataFrame:
    """All rows, in no order."""
    made = uuid.uuid4().hex
    counted = {name: counted_relation(spark, each, f"counted_{name}_{made}") for name, each in reads.items()}
    spine = f"spine_{made}"
    in_span = f"`available_at` >= {span.start} AND `available_at` < {span.end}"
    spark.sql(f"SELECT * FROM {counted[model.on.name]} WHERE {in_span}").createOrReplaceTempView(spine)
    answered = []
    for name, ask in model.asks:
        relation = f"answers_{name}_{made}"
        rows = rows_asked(expected, reads[ask.view.on.name])
        answers_at(spark, ask, counted[ask.view.on.name], spine, span, rows).createOrReplaceTempView(relation)
        answered.append((name, relation))
    labels = f"labels_{made}"
    spark.sql(labels_sql(model.label, spine, counted[model.label.on.name], span)).createOrReplaceTempView(labels)
    return spark.sql(rows_sql(model, spine, answered, labels))


def _committed(table: Path, done: TrainingSet, build: str) -> TrainingSet:
    """The set under the version of its own commit; raises TidelineError where a row was lost or doubled."""
    opened = open_table(table)
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
