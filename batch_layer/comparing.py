"""A rebuilt segment against the increments that are published: cell by cell, by the merge rules."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

import pyarrow.dataset as ds
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession

from batch_layer.compile import magnitudes_sql, merge_sql, quoted
from batch_layer.little import fitting, read_between, read_where
from batch_layer.tables import segments_table, stored_in, stored_since, valid_table
from schemas.core import names
from schemas.core.aggregates import FloatTotal
from schemas.core.agreement import PRECISION
from schemas.core.generations import Segment
from schemas.core.views import View
from schemas.lake.recomputes import Differences

EXAMPLES: Final = 20
"""Rows that differ and are shown, at most."""


def differences_sql(view: View, published: str, rebuilt: str, magnitudes: str) -> str:
    """The rows, by key and tile, on which two relations of partials do not agree; null for one that is not there."""
    keys = [*view.by, names.TILE]
    columns = [names.N, *(name for name, _ in view.partials)]
    floats = {name for name, partial in view.partials if isinstance(partial.kind, FloatTotal)}
    measured = f"\nLEFT JOIN {magnitudes} m ON {_same(keys, 'r', 'm')}" if floats else ""
    differ = "\n  OR ".join(_differs(name, name in floats) for name in columns)
    listed = ",\n  ".join(f"COALESCE(p.{quoted(key)}, r.{quoted(key)}) AS {quoted(key)}" for key in keys)
    return f"""SELECT {listed},
  {_as_json("p", columns)} AS `_published`,
  {_as_json("r", columns)} AS `_rebuilt`
FROM {published} p
FULL OUTER JOIN {rebuilt} r ON {_same(keys, "p", "r")}{measured}
WHERE {differ}"""


def compare(spark: SparkSession, lake: Path, view: View, published: Collection[str], rebuilt: Segment) -> Differences:
    """Compare the rows of a rebuilt segment with those of published ones, which end where it does."""
    spark = fitting(spark, stored_since(valid_table(lake, view.on), None) + stored_in(lake, view, [*published]))
    relations = {what: f"{what}_{rebuilt.id}" for what in ("inputs", "published", "rebuilt", "counted", "magnitudes")}
    _rows_of(spark, lake, view, published).createOrReplaceTempView(relations["inputs"])
    spark.sql(merge_sql(view, relations["inputs"])).createOrReplaceTempView(relations["published"])
    _rows_of(spark, lake, view, [rebuilt.id]).createOrReplaceTempView(relations["rebuilt"])
    valid = read_between(spark, valid_table(lake, view.on), None, rebuilt.end)
    valid.where(f"`{names.COUNTED}`").createOrReplaceTempView(relations["counted"])
    spark.sql(magnitudes_sql(view, relations["counted"])).createOrReplaceTempView(relations["magnitudes"])
    compared = relations["published"], relations["rebuilt"]
    differing = spark.sql(differences_sql(view, *compared, relations["magnitudes"]))
    differing = differing.persist(StorageLevel.MEMORY_AND_DISK)
    try:
        count = differing.count()
        shown = differing.orderBy(*view.by, names.TILE).limit(EXAMPLES).collect() if count else []
    finally:
        differing.unpersist()
    keys = ", ".join(quoted(key) for key in [*view.by, names.TILE])
    either = " UNION ".join(f"SELECT {keys} FROM {relation}" for relation in compared)
    rows = spark.sql(f"SELECT COUNT(*) FROM ({either})").collect()[0][0]
    return Differences(rows, count, tuple(_example(view, row) for row in shown))


def _rows_of(spark: SparkSession, lake: Path, view: View, segments: Collection[str]) -> DataFrame:
    wanted = list(segments)
    rows = read_where(spark, segments_table(lake, view), ds.field(names.SEGMENT).isin(wanted))
    return rows.where(rows[names.SEGMENT].isin(wanted))


def _differs(name: str, is_float: bool) -> str:
    left, right = f"p.{quoted(name)}", f"r.{quoted(name)}"
    if not is_float:
        return f"NOT ({left} <=> {right})"
    tolerance = f"{PRECISION!r}D * COALESCE(m.{quoted(name)}, 0)"
    return f"(({left} IS NULL) <> ({right} IS NULL) OR ABS({left} - {right}) > {tolerance})"


def _same(keys: Collection[str], left: str, right: str) -> str:
    return " AND ".join(f"{left}.{quoted(key)} = {right}.{quoted(key)}" for key in keys)


def _as_json(side: str, columns: Collection[str]) -> str:
    fields = ", ".join(f"{side}.{quoted(name)}" for name in columns)
    return f"CASE WHEN {side}.`{names.N}` IS NOT NULL THEN TO_JSON(STRUCT({fields})) END"


def _example(view: View, row: Any) -> dict[str, Any]:
    return {
        "entity": {name: row[name] for name in view.by},
        "tile": row[names.TILE],
        "published": None if row["_published"] is None else json.loads(row["_published"]),
        "rebuilt": None if row["_rebuilt"] is None else json.loads(row["_rebuilt"]),
    }
