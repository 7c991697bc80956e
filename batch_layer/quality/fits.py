"""Whether segments hold what their intervals hold: their rows' `_n` against a plain count, each read its own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyspark.sql import SparkSession

from batch_layer.expressions import expression_sql, quoted
from batch_layer.little import fitting, read_between
from batch_layer.quality.rules import Fit
from batch_layer.tables import segments_table, stored_since, valid_table
from schemas.core import names
from schemas.core.events import Event
from schemas.core.generations import Backfill, Compact, Edit, Extend, Recompute, Rollback, Segment
from schemas.core.instants import Instant
from schemas.core.views import View
from schemas.lake.checksums import DamagedFile
from schemas.lake.tables import data_at, require_whole_files

Interval = tuple[Instant | None, Instant]


def fits(spark: SparkSession, lake: Path, event: Event, edits: Sequence[tuple[View, Edit]]) -> list[Fit]:
    """What each segment that an edit would publish holds, and what it should."""
    built = [(view, *each) for view, edit in edits for each in _segments(edit)]
    fresh: dict[Interval, dict[str, View]] = {}
    for view, segment, inputs in built:
        if not inputs:
            fresh.setdefault((segment.start, segment.end), {})[view.name] = view
    counts = {interval: _counted(spark, lake, event, interval, views) for interval, views in fresh.items()}
    return [
        _fit(lake, view, segment, inputs, counts.get((segment.start, segment.end), {}))
        for view, segment, inputs in built
    ]


def _segments(edit: Edit) -> list[tuple[Segment, Sequence[str]]]:
    """The segments that an edit brings, with the inputs that one was merged of; none: of valid records."""
    match edit:
        case Extend(segment) | Recompute(segment):
            return [(segment, ())]
        case Compact(inputs, segment):
            return [(segment, inputs)]
        case Backfill(segments):
            return [(segment, ()) for segment in segments]
        case Rollback():
            return []


def _fit(lake: Path, view: View, segment: Segment, inputs: Sequence[str], counts: Mapping[str, int]) -> Fit:
    try:
        merged = events_in(lake, view, [segment.id])
        expected = events_in(lake, view, inputs) if inputs else counts[view.name]
    except (DamagedFile, FileNotFoundError, pa.ArrowException) as error:
        told = str(error).partition("\n")[0].replace(f"{lake}/", "")
        return Fit(view.name, segment.id, 0, 0, f"{told}; `tideline batch recompute {view.name}` builds it from raw")
    return Fit(view.name, segment.id, merged, expected)


def events_in(lake: Path, view: View, segments: Sequence[str]) -> int:
    """How many events the rows of these segments say that they were merged of; raises DamagedFile."""
    table = segments_table(lake, view)
    wanted = ds.field(names.SEGMENT).isin(list(segments))
    data = data_at(table)
    require_whole_files(table, data, wanted)
    total = pc.sum(data.to_table(columns=[names.N], filter=wanted)[names.N]).as_py()
    return int(total or 0)


def _counted(
    spark: SparkSession, lake: Path, event: Event, interval: Interval, views: Mapping[str, View]
) -> dict[str, int]:
    """By view how many records of the interval count and enter it, in one pass."""
    start, end = interval
    spark = fitting(spark, stored_since(valid_table(lake, event), start))
    valid = read_between(spark, valid_table(lake, event), start, end).where(quoted(names.COUNTED))
    enters = [f"COUNT_IF({_enters(view)}) AS {quoted(name)}" for name, view in views.items()]
    (row,) = valid.selectExpr(*enters).collect()
    return {name: int(row[name]) for name in views}


def _enters(view: View) -> str:
    """What has to be true of a record that a view takes."""
    conditions = [f"{quoted(key)} IS NOT NULL" for key in view.by]
    return " AND ".join(conditions + ([] if view.where is None else [expression_sql(view.where)]))
