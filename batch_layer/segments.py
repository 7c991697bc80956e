"""Segments: partials of one definition over an availability interval, appended once and never changed.

What a run appends is referenced by nothing until it is published; a crash leaves rows that nobody reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow.dataset as ds
from pyspark.sql import DataFrame, SparkSession

from batch_layer.compile import merge_sql, partials_sql
from batch_layer.little import append_few, fitting, may_be_brought, read_between, read_where
from batch_layer.planning import new_segment
from batch_layer.tables import Stored, segments_table, stored_since, valid_table
from schemas.core import names
from schemas.core.generations import Compact, Segment
from schemas.core.instants import Instant
from schemas.core.views import View


def append_rebuilt(spark: SparkSession, lake: Path, view: View, end: Instant) -> Segment:
    """Append all below `end` as one new segment."""
    segment, reads = new_segment(None, end), stored_since(valid_table(lake, view.on), None)
    append_segments(lake, view, [(segment.id, partials(fitting(spark, reads), lake, view, segment))], of=reads)
    return segment


def append_segments(lake: Path, view: View, frames: Iterable[tuple[str, DataFrame]], *, of: Stored) -> None:
    """Append rows under the ids of their segments, in one commit; `of` is what they are made of.

    Few of them come through this process.
    """
    whole: DataFrame | None = None
    for identity, rows in frames:
        named = rows.selectExpr("*", f"'{identity}' AS `{names.SEGMENT}`")
        whole = named if whole is None else whole.unionByName(named)
    assert whole is not None
    if may_be_brought(of):
        append_few(segments_table(lake, view), whole.toArrow())
        return
    whole.write.format("delta").mode("append").save(str(segments_table(lake, view)))


def partials(spark: SparkSession, lake: Path, view: View, segment: Segment) -> DataFrame:
    """The partials of an interval, from what is valid and counts."""
    valid = read_between(spark, valid_table(lake, view.on), segment.start, segment.end)
    name = f"counted_{segment.id}"
    valid.where(f"`{names.COUNTED}`").createOrReplaceTempView(name)
    return spark.sql(partials_sql(view, name))


def merged(spark: SparkSession, lake: Path, view: View, compact: Compact) -> DataFrame:
    """The rows of the inputs of a compaction as one segment's."""
    inputs = list(compact.inputs)
    table = read_where(spark, segments_table(lake, view), ds.field(names.SEGMENT).isin(inputs))
    name = f"inputs_{compact.segment.id}"
    table.where(table[names.SEGMENT].isin(inputs)).createOrReplaceTempView(name)
    return spark.sql(merge_sql(view, name))
