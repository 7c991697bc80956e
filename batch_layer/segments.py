"""Segments: partials of one definition over an availability interval, appended once and never changed.

What a run appends is referenced by nothing until it is published; a crash leaves rows that nobody reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from batch_layer.compile import merge_sql, partials_sql
from batch_layer.tables import segments_table, valid_table
from schemas.core import names
from schemas.core.generations import Compact, Segment
from schemas.core.views import View


def append_segments(lake: Path, view: View, frames: Iterable[tuple[str, DataFrame]]) -> None:
    """Append rows under the ids of their segments, in one commit."""
    whole: DataFrame | None = None
    for identity, rows in frames:
        named = rows.selectExpr("*", f"'{identity}' AS `{names.SEGMENT}`")
        whole = named if whole is None else whole.unionByName(named)
    assert whole is not None
    whole.write.format("delta").mode("append").save(str(segments_table(lake, view)))


def partials(spark: SparkSession, lake: Path, view: View, segment: Segment) -> DataFrame:
    """The partials of an interval, from what is valid and counts."""
    valid = spark.read.format("delta").load(str(valid_table(lake, view.on)))
    bounds = f"`{names.COUNTED}` AND `available_at` < {segment.end}"
    if segment.start is not None:
        bounds += f" AND `available_at` >= {segment.start}"
    name = f"counted_{segment.id}"
    valid.where(bounds).createOrReplaceTempView(name)
    return spark.sql(partials_sql(view, name))


def merged(spark: SparkSession, lake: Path, view: View, compact: Compact) -> DataFrame:
    """The rows of the inputs of a compaction as one segment's."""
    table = spark.read.format("delta").load(str(segments_table(lake, view)))
    name = f"inputs_{compact.segment.id}"
    table.where(table[names.SEGMENT].isin(list(compact.inputs))).createOrReplaceTempView(name)
    return spark.sql(merge_sql(view, name))
