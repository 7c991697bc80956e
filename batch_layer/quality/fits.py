"""Whether segments hold what their intervals hold: their rows' `_n` against a plain count, each read its own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from batch_layer.expressions import expression_sql, quoted
from batch_layer.little import fitting, read_between
from batch_layer.quality.rules import Fit
from batch_layer.tables import segments_table, stored_since, valid_table
from schemas.core import names
from schemas.core.events import Event
from schemas.core.generations import Backfill, Compact, Edit, Extend, Recompute, Rollback
from schemas.core.instants import Instant
from schemas.core.views import View
from schemas.lake.checksums import DamagedFile, require_whole
from schemas.lake.tables import data_of

Interval = tuple[Instant | None, Instant]


def fits(spark: SparkSession, lake: Path, event: Event, edits: Sequence[tuple[View, Edit]]) -> list[Fit]:
    """What each segment that a run's edit would publish holds, and what it should."""
    fresh: dict[Interval, list[View]] = {}
    for view, edit in edits:
        if isinstance(edit, Extend | Recompute):
            fresh.setdefault((edit.segment.start, edit.segment.end), []).append(view)
    counts = {
        (interval, view): number
        for interval, views in fresh.items()
        for view, number in _counted(spark, lake, event, interval, views).items()
    }
    return [_fit(lake, view, edit, counts) for view, edit in edits if not isinstance(edit, Rollback | Backfill)]


def _fit(lake: Path, view: View, edit: Extend | Recompute | Compact, counts: Mapping[tuple[Interval, str], int]) -> Fit:
    segment = edit.segment
    try:
        merged = events_in(lake, view, [segment.id])
        expected = events_in(lake, view, edit.inputs) if isinstance(edit, Compact) else None
    except (DamagedFile, FileNotFoundError, pa.ArrowException) as error:
        return Fit(view.name, segment.id, 0, 0, str(error).partition("\n")[0].replace(f"{lake}/", ""))
    return Fit(
        view.name, segment.id, merged, counts[(segment.start, segment.end), view.name] if expected is None else expected
    )


def events_in(lake: Path, view: View, segments: Sequence[str]) -> int:
    """How many events the rows of these segments say that they were merged of; raises DamagedFile."""
    table = segments_table(lake, view)
    wanted = ds.field(names.SEGMENT).isin(list(segments))
    data = data_of(DeltaTable(str(table)))
    for fragment in data.get_fragments(wanted):
        require_whole(table / fragment.path)
    total = pc.sum(data.to_table(columns=[names.N], filter=wanted)[names.N]).as_py()
    return int(total or 0)


def _counted(
    spark: SparkSession, lake: Path, event: Event, interval: Interval, views: Sequence[View]
) -> dict[str, int]:
    """By view how many records of the interval count and enter it, in one pass."""
    start, end = interval
    spark = fitting(spark, stored_since(valid_table(lake, event), start))
    valid = read_between(spark, valid_table(lake, event), start, end).where(quoted(names.COUNTED))
    enters = [f"COUNT_IF({_enters(view)}) AS {quoted(view.name)}" for view in views]
    (row,) = valid.selectExpr(*enters).collect()
    return {view.name: int(row[view.name]) for view in views}


def _enters(view: View) -> str:
    """What has to be true of a record that a view takes."""
    conditions = [f"{quoted(key)} IS NOT NULL" for key in view.by]
    return " AND ".join(conditions + ([] if view.where is None else [expression_sql(view.where)]))
