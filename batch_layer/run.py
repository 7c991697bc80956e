"""`run`: archive, choose a boundary for each event, judge what is new, extend every view, publish."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from pyspark.sql import SparkSession

from batch_layer.archive import archive
from batch_layer.conservation import conservation, has_records
from batch_layer.little import fitting
from batch_layer.locks import Recomputed, reading_imports, recomputed
from batch_layer.outcomes import EventRun, Report, Run, ViewRun
from batch_layer.planning import Plan, plan_run
from batch_layer.segments import append_rebuilt, append_segments, merged, partials
from batch_layer.tables import (
    Stored,
    archived,
    greatest,
    imported,
    judged_until,
    segment_rows,
    segments_table,
    stored_in,
    stored_since,
    valid_table,
)
from batch_layer.topics import ensure_topics
from batch_layer.valid import judge_interval
from schemas.core.availability import covered_boundary, holding_back
from schemas.core.codec import contract_of
from schemas.core.errors import RefusedError, TidelineError, UnknownName
from schemas.core.events import Event
from schemas.core.generations import Edit, Generation, Recompute
from schemas.core.instants import Instant
from schemas.core.records import IMPORTED
from schemas.core.views import View
from schemas.lake.catalog import Applied, events_of, read_applied
from schemas.lake.generations import Discarded, current, publish
from schemas.settings import Settings

_AT_ONCE: Final = 2
"""Judgements, then views, that are worked on side by side: one waits for its commit while another computes."""

_ATTEMPTS: Final = 5

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def run(settings: Settings, spark: SparkSession, now: Instant, report: Report, *, only: Collection[str] = ()) -> Run:
    """Archive and bring every applied view, or `only` some, up to what is archived; again changes nothing.

    Raises `UnknownName` for a view that is not applied.
    """
    applied = read_applied(settings.lake)
    if not applied:
        raise RefusedError("no view is applied, so there is nothing to run; apply one with `tideline apply`")
    for view in only:
        if view not in applied:
            raise UnknownName("applied view", view, applied)
    applied = {view: each for view, each in applied.items() if not only or view in only}
    events = events_of(applied)
    contracts = {contract_of(each.view.on): each.view.on for each in applied.values()}
    report(f"archiving {len(events)} topics")
    received = archive(spark, settings, ensure_topics(settings.kafka, events))
    boundaries = {contract: boundary_of(settings.lake, event) for contract, event in contracts.items()}
    with ExitStack() as locks:
        for event in events:
            locks.enter_context(reading_imports(settings, event))
        _side_by_side(
            lambda each: _judge(spark, settings.lake, each[0], each[1], report),
            [(event, end) for contract, event in contracts.items() if (end := boundaries[contract]) is not None],
        )
        views = _side_by_side(
            lambda each: _extend(spark, settings, each, boundaries[contract_of(each.view.on)], now, report),
            applied.values(),
        )
    report("counting")
    return Run(
        {
            event.name: EventRun(
                received.records[event.name],
                boundaries[contract],
                _held_back(settings.lake, event),
                conservation(settings.lake, event, boundaries[contract]),
            )
            for contract, event in contracts.items()
        },
        dict(zip(applied, views, strict=True)),
        received.failures,
    )


def boundary_of(lake: Path, event: Event) -> Instant | None:
    """The boundary that what is archived covers; None while a partition holds nothing."""
    return covered_boundary(_reached(lake, event), event.partitions, event.epoch)


def _held_back(lake: Path, event: Event) -> list[int]:
    return holding_back(_reached(lake, event), event.partitions)


def _reached(lake: Path, event: Event) -> dict[int, Instant | None]:
    held = archived(lake, event.name).items()
    return {partition: each.available_at for partition, each in held if partition != IMPORTED}


def _judge(spark: SparkSession, lake: Path, event: Event, end: Instant, report: Report) -> None:
    start = judged_until(lake, event)
    if (start is None or start < end) and has_records(lake, event.name, start, end):
        report(f"judging {event.name}")
        judge_interval(spark, lake, event, start=start, end=end)


def _extend(
    spark: SparkSession, settings: Settings, applied: Applied, end: Instant | None, now: Instant, report: Report
) -> ViewRun:
    """Publish up to `end`; an edit that no longer fits is discarded, counted and planned anew."""
    view, lake = applied.view, settings.lake
    segments_table(lake, view)
    edits: list[str] = []
    notes: list[str] = []
    discarded = 0
    for _ in range(_ATTEMPTS):
        before = current(lake, view.name, applied.definition)
        imports = imported(lake, view.on.name)
        if end is None or (before is not None and _holds(before, end, imports)):
            return ViewRun(before, edits, discarded, notes)
        report(f"building {view.name}")
        if before is not None and before.imports != imports:
            notes.append("built again from raw: history was imported since the generation before")
            planned: list[Edit] = [_append_rebuilt(spark, lake, view, end, imports)]
        else:
            planned = _append_extension(spark, lake, view, before, end, recomputed(settings, view.name))
        for edit in planned:
            outcome = publish(lake, view.name, applied.definition, edit, now=now)
            if isinstance(outcome, Discarded):
                discarded += 1
                notes.append(f"an edit was discarded: {outcome.reason}")
                break
            edits.append(outcome.generation.edit)
    raise TidelineError(
        f"view `{view.name}` was edited by others {_ATTEMPTS} times while this run planned; nothing is lost, run again"
    )


def _holds(generation: Generation, end: Instant, imports: int) -> bool:
    """Whether a generation has all that a run could add; a boundary beyond `end` is a newer run's."""
    return generation.boundary > end or (generation.boundary == end and generation.imports == imports)


def _append_rebuilt(spark: SparkSession, lake: Path, view: View, end: Instant, imports: int) -> Edit:
    segment = append_rebuilt(spark, lake, view, end)
    return Recompute(segment, imports)


def _append_extension(
    spark: SparkSession, lake: Path, view: View, before: Generation | None, end: Instant, beside: Recomputed | None
) -> list[Edit]:
    """The edits of a plan, once the rows of their segments are there; `beside` is a recompute that is running."""
    imports = imported(lake, view.on.name)
    plan = plan_run(
        before,
        end,
        segment_rows(lake, view),
        may_compact=beside is None or beside.end is not None,
        cut=None if beside is None else beside.end,
    )
    extend = replace(plan.extend, imports=imports)
    reads = _reads(lake, view, plan)
    spark = fitting(spark, reads)
    frames = []
    if plan.compact is not None:
        frames.append((plan.compact.segment.id, merged(spark, lake, view, plan.compact)))
    if extend.segment.start is None or _has_valid(lake, view.on, extend.segment.start):
        frames.append((extend.segment.id, partials(spark, lake, view, extend.segment)))
    if frames:
        append_segments(lake, view, frames, of=reads)
    return [extend] if plan.compact is None else [plan.compact, extend]


def _reads(lake: Path, view: View, plan: Plan) -> Stored:
    """What a plan aggregates."""
    reads = stored_since(valid_table(lake, view.on), plan.extend.segment.start)
    return reads if plan.compact is None else reads + stored_in(lake, view, plan.compact.inputs)


def _has_valid(lake: Path, event: Event, start: Instant) -> bool:
    """Whether the valid table may hold anything at or after `start`."""
    reached = greatest(valid_table(lake, event), "available_at").value
    return reached is not None and reached >= start


def _side_by_side(work: Callable[[_In], _Out], items: Iterable[_In]) -> list[_Out]:
    """The results in order; the first error ends it once what had begun has ended."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(work, items))
