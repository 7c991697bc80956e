"""`run`: archive, choose a boundary for each event, judge what is new, extend every view, publish."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from pyspark.sql import SparkSession

from batch_layer.archive import archive
from batch_layer.build import Judged, build_all, contracts_of, held_back, judged
from batch_layer.conservation import tally
from batch_layer.outcomes import EventRun, Report, Run, ViewRun
from batch_layer.publishing import publish_edits
from batch_layer.quality.alarm import alarm
from batch_layer.quality.checked import Checked
from batch_layer.quality.gate import gated
from batch_layer.topics import ensure_topics
from schemas.core.errors import RefusedError, TidelineError, UnknownName
from schemas.core.instants import Instant
from schemas.lake.catalog import Applied, events_of, read_applied
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
        views, checked = _bring_up(settings, spark, applied, found, now, report)
        report("counting")
        counted = events_run(settings, applied, found, received.records)
    return Run(counted, views, alarms_of(checked, now), received.failures)


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
    """What was done for each event, counted while no import lands; `archived` are the records of this run, if any."""
    return {
        event.name: EventRun(
            archived.get(event.name, 0),
            found.boundaries[contract],
            held_back(settings.lake, event),
            tally(settings.lake, event, found.boundaries[contract]),
        )
        for contract, event in contracts_of(applied).items()
        if contract not in found.failed
    }


def alarms_of(checked: Iterable[Checked], now: Instant) -> dict[str, str]:
    """By name of event, why nothing of it is published."""
    return {each.event: alarm(each, now) for each in checked if not each.passed}


def _bring_up(
    settings: Settings, spark: SparkSession, applied: Mapping[str, Applied], found: Judged, now: Instant, report: Report
) -> tuple[dict[str, ViewRun], list[Checked]]:
    """Publish up to the boundary what the gate lets through; what no longer fits is discarded and planned anew."""
    done = {view: ViewRun(None) for view in applied}
    todo, checked = dict(applied), dict[str, Checked]()
    for _ in range(_ATTEMPTS):
        built, checks = gated(settings, spark, build_all(settings, spark, todo, found, report), found, now, report)
        checked |= checks
        again = {}
        for each in built:
            before = done[each.view].discarded
            done[each.view] = publish_edits(settings.lake, each, now, after=done[each.view])
            if done[each.view].discarded > before:
                again[each.view] = applied[each.view]
        todo = again
        if not todo:
            return done, list(checked.values())
    raise TidelineError(
        f"views {', '.join(todo)} were edited by others {_ATTEMPTS} times while this run planned; "
        "nothing is lost, run again"
    )
