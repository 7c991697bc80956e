"""`run`: archive, choose a boundary for each event, judge what is new, extend every view, publish."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from pyspark.sql import SparkSession

from batch_layer.archive import archive
from batch_layer.build import (
    Judged,
    attempted,
    build_view,
    contracts_of,
    held_back,
    judged,
    side_by_side,
)
from batch_layer.conservation import conservation
from batch_layer.outcomes import Built, EventRun, Report, Run, ViewRun
from batch_layer.publishing import publish_edits
from batch_layer.topics import ensure_topics
from schemas.core.codec import contract_of
from schemas.core.errors import RefusedError, TidelineError, UnknownName
from schemas.core.instants import Instant
from schemas.lake.catalog import Applied, events_of, read_applied
from schemas.lake.generations import current
from schemas.settings import Settings

_ATTEMPTS: Final = 5


def run(settings: Settings, spark: SparkSession, now: Instant, report: Report, *, only: Collection[str] = ()) -> Run:
    """Archive and bring every applied view, or `only` some, up to what is archived; again changes nothing.

    A view that fails does not stop the others. Raises `UnknownName` for a view that is not applied.
    """
    applied = chosen(settings, only)
    events = events_of(applied)
    report(f"archiving {len(events)} topics")
    received = archive(spark, settings, ensure_topics(settings.kafka, events))
    with judged(settings, spark, applied, report) as found:
        views = side_by_side(lambda each: _bring_up(settings, spark, each, found, now, report), applied.values())
    report("counting")
    return Run(
        events_run(settings, applied, found, received.records),
        dict(zip(applied, views, strict=True)),
        received.failures,
    )


def chosen(settings: Settings, only: Collection[str]) -> dict[str, Applied]:
    """What is applied, or `only` these views of it. Raises `RefusedError` where nothing is."""
    applied = read_applied(settings.lake)
    if not applied:
        raise RefusedError("no view is applied, so there is nothing to run; apply one with `tideline apply`")
    for view in only:
        if view not in applied:
            raise UnknownName("applied view", view, applied)
    return {view: each for view, each in applied.items() if not only or view in only}


def events_run(
    settings: Settings, applied: Mapping[str, Applied], found: Judged, archived: Mapping[str, int]
) -> dict[str, EventRun]:
    """What was done for each event; `archived` counts the records of this run, where it archived any."""
    return {
        event.name: EventRun(
            archived.get(event.name, 0),
            found.boundaries[contract],
            held_back(settings.lake, event),
            conservation(settings.lake, event, found.boundaries[contract]),
        )
        for contract, event in contracts_of(applied).items()
        if contract not in found.failed
    }


def _bring_up(
    settings: Settings, spark: SparkSession, applied: Applied, found: Judged, now: Instant, report: Report
) -> ViewRun:
    """Publish up to the boundary; an edit that no longer fits is discarded, counted and planned anew."""
    contract, done = contract_of(applied.view.on), ViewRun(None)
    if contract in found.failed:
        return ViewRun(current(settings.lake, applied.view.name, applied.definition), failed=found.failed[contract])

    def bring_up() -> None:
        nonlocal done
        for _ in range(_ATTEMPTS):
            built: Built = build_view(settings, spark, applied, found.boundaries[contract], report)
            done = publish_edits(settings.lake, built, now, after=done)
            if not built.edits:
                return
        raise TidelineError(
            f"view `{applied.view.name}` was edited by others {_ATTEMPTS} times while this run planned; "
            "nothing is lost, run again"
        )

    reason = attempted(settings.lake, bring_up)
    return done if reason is None else ViewRun(done.generation, done.edits, done.discarded, done.notes, reason)
