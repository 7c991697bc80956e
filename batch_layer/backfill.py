"""Backfill: the first generation of a view over long history, in chunks of days that are built one by one.

plan ─► build, build, build …  in any order, by any number of processes, again where one died ─► publish, once
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import SparkSession

from batch_layer.build import judged
from batch_layer.little import fitting
from batch_layer.locks import reading_imports
from batch_layer.outcomes import Report
from batch_layer.planning import new_segment
from batch_layer.quality.accepting import require_published
from batch_layer.segments import append_segments, partials
from batch_layer.tables import imported, segments_table, stored_between, valid_table
from schemas.core.chunks import Chunk, Planned, cut
from schemas.core.codec import contract_of
from schemas.core.errors import RefusedError
from schemas.core.events import Event
from schemas.core.generations import Backfill, Generation
from schemas.core.instants import Duration, Instant, format_instant
from schemas.lake.catalog import Applied
from schemas.lake.chunks import append_chunk, append_plan, end_plan, read_planned
from schemas.lake.generations import Discarded, current, history, publish
from schemas.lake.tables import data_at
from schemas.settings import Settings


def plan(
    settings: Settings, spark: SparkSession, applied: Applied, length: Duration, now: Instant, report: Report
) -> Planned:
    """Judge what is archived and cut it into chunks; a plan that is there already is kept, with what it has built.

    Until it is published or dropped, runs leave the view alone. Raises `RefusedError` for a view that has a
    generation, and where nothing is archived yet.
    """
    lake, view = settings.lake, applied.view
    generation = current(lake, view.name, applied.definition)
    if generation is not None:
        raise RefusedError(
            f"view `{view.name}` has generation {generation.number} of its applied definition, so there is nothing to "
            "backfill; `tideline batch run` goes on from it"
        )
    with judged(settings, spark, {view.name: applied}, report) as found:
        contract = contract_of(view.on)
        if contract in found.failed:
            raise RefusedError(found.failed[contract])
        end, imports = found.boundaries[contract], imported(lake, view.on.name)
        if end is None:
            raise RefusedError(
                f"nothing of event `{view.on.name}` is archived that a boundary could cover; run "
                "`tideline batch archive`"
            )
        planned = read_planned(lake, view.name, applied.definition)
        if planned is not None and planned.imports == imports:
            return planned
        segments_table(lake, view)
        chunks = cut(_available(lake, view.on, length), length, end)
        return append_plan(lake, view.name, applied.definition, chunks, imports=imports, now=now)


def build(
    settings: Settings,
    spark: SparkSession,
    applied: Applied,
    interval: tuple[Instant | None, Instant],
    now: Instant,
    report: Report,
) -> Chunk:
    """Append the segment of one chunk of the plan, unless it is there already."""
    lake, view = settings.lake, applied.view
    with reading_imports(settings, view.on.name):
        planned = _under_way(settings, applied)
        chunk = next((each for each in planned.chunks if (each.start, each.end) == interval), None)
        if chunk is None:
            raise RefusedError(
                f"{_shown(Chunk(*interval))} is no chunk of the backfill of view `{view.name}`; `tideline batch "
                f"backfill plan {view.name}` lists them"
            )
        if chunk.segment is not None:
            return chunk
        report(f"building {view.name} {_shown(chunk)}")
        segment, reads = new_segment(*interval), stored_between(valid_table(lake, view.on), *interval)
        append_segments(lake, view, [(segment.id, partials(fitting(spark, reads), lake, view, segment))], of=reads)
        return append_chunk(lake, planned, Chunk(*interval, segment.id), now=now)


def publish_chunks(settings: Settings, applied: Applied, now: Instant) -> Generation:
    """Publish all chunks as the first generation; again gives the same one. The next run compacts it.

    Raises `RefusedError` where some are missing, a generation came first, or the event is stopped.
    """
    view = applied.view
    with reading_imports(settings, view.on.name):
        planned = read_planned(settings.lake, view.name, applied.definition)
        for generation in history(settings.lake, view.name, applied.definition):
            if planned is not None and generation.segments == planned.segments:
                return generation
        planned = _under_way(settings, applied)
        if planned.missing:
            listed = ", ".join(map(_shown, planned.missing[:5]))
            raise RefusedError(
                f"{len(planned.missing)} of {len(planned.chunks)} chunks of view `{view.name}` are not built, such as "
                f"{listed}; build them with `tideline batch backfill build {view.name}`"
            )
        require_published(settings.lake, view.on)
        edit = Backfill(planned.segments, planned.imports)
        outcome = publish(settings.lake, view.name, applied.definition, edit, now=now)
    if isinstance(outcome, Discarded):
        raise RefusedError(f"the backfill of view `{view.name}` is discarded: {outcome.reason}")
    return outcome.generation


def drop(settings: Settings, applied: Applied, now: Instant) -> Planned:
    """Give a backfill up: the next run builds the view at once, as if there had been none."""
    planned = read_planned(settings.lake, applied.view.name, applied.definition)
    if planned is None:
        raise _none(applied)
    end_plan(settings.lake, planned, now=now)
    return planned


def _under_way(settings: Settings, applied: Applied) -> Planned:
    planned = read_planned(settings.lake, applied.view.name, applied.definition)
    if planned is None:
        raise _none(applied)
    if planned.imports != imported(settings.lake, applied.view.on.name):
        raise RefusedError(
            f"history of event `{applied.view.on.name}` was imported after the backfill of view `{applied.view.name}` "
            f"was planned, so its chunks would lack some; `tideline batch backfill plan {applied.view.name}` plans anew"
        )
    return planned


def _none(applied: Applied) -> RefusedError:
    name = applied.view.name
    return RefusedError(f"no backfill of view `{name}` is planned; `tideline batch backfill plan {name}` plans one")


def _available(lake: Path, event: Event, length: Duration) -> set[Instant]:
    """The starts of the intervals of this length in which anything valid became available."""
    found: set[Instant] = set()
    for batch in data_at(valid_table(lake, event)).to_batches(columns=["available_at"]):
        column = batch.column("available_at")
        quotients = pc.floor(pc.divide(column.cast(pa.float64()), float(length)))
        found.update(Instant(int(each) * length) for each in pc.unique(quotients).to_pylist())
    return found


def _shown(chunk: Chunk) -> str:
    start = "-inf" if chunk.start is None else format_instant(chunk.start)
    return f"[{start}, {format_instant(chunk.end)})"
