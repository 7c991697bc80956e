"""`recompute VIEW`: everything below the boundary again, from raw, as one segment."""

from __future__ import annotations

from pyspark.sql import SparkSession

from batch_layer.build import boundary_of
from batch_layer.locks import reading_imports, recomputing
from batch_layer.outcomes import Report, ViewRun
from batch_layer.segments import append_rebuilt
from batch_layer.tables import imported, judged_until
from batch_layer.valid import judge_interval
from schemas.core.errors import RefusedError
from schemas.core.generations import Recompute
from schemas.core.instants import Instant
from schemas.lake.catalog import Applied
from schemas.lake.generations import Discarded, current, publish
from schemas.settings import Settings


def recompute(settings: Settings, spark: SparkSession, applied: Applied, now: Instant, report: Report) -> ViewRun:
    """Judge raw again and rebuild the view up to its boundary; what later runs have added above stays.

    Raises `RefusedError` where another recompute of the view is running, or nothing is archived yet.
    """
    view = applied.view
    with recomputing(settings, view.name) as tell, reading_imports(settings, view.on.name):
        if tell is None:
            raise RefusedError(f"view `{view.name}` is being recomputed by another process; wait until that has ended")
        before = current(settings.lake, view.name, applied.definition)
        end = before.boundary if before else boundary_of(settings.lake, view.on)
        if end is None:
            raise RefusedError(
                f"nothing of event `{view.on.name}` is archived that a boundary could cover; run `tideline batch run`"
            )
        tell(end)
        _judge_again(spark, settings, applied, end, report)
        report(f"building {view.name}")
        imports = imported(settings.lake, view.on.name)
        segment = append_rebuilt(spark, settings.lake, view, end)
        outcome = publish(settings.lake, view.name, applied.definition, Recompute(segment, imports), now=now)
    if isinstance(outcome, Discarded):
        raise RefusedError(
            f"the recompute of view `{view.name}` was overtaken and is discarded: {outcome.reason}; recompute it again"
        )
    return ViewRun(outcome.generation, [outcome.generation.edit])


def _judge_again(spark: SparkSession, settings: Settings, applied: Applied, end: Instant, report: Report) -> None:
    event = applied.view.on
    report(f"judging all of {event.name}")
    reached = judged_until(settings.lake, event)
    if reached is not None:
        judge_interval(spark, settings.lake, event, start=None, end=reached, again=True)
    if reached is None or reached < end:
        judge_interval(spark, settings.lake, event, start=reached, end=end)
