"""The gate between building and publishing: one call an event.

built segments ─┐
valid records ──┼─▶ check ─▶ passed: publish
counts ─────────┘        └─▶ broken: nothing of the event is published; the lake says since when, and answers show it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from batch_layer.build import Judged
from batch_layer.conservation import tally
from batch_layer.little import fitting, may_be_brought, read_between
from batch_layer.outcomes import Built, Report
from batch_layer.quality.checked import Checked
from batch_layer.quality.docs import evaluate
from batch_layer.quality.figures import read_figures, records_of
from batch_layer.quality.fits import fits
from batch_layer.quality.limits import LIMITS, Limits
from batch_layer.quality.rules import VOLUME, Figures, Measured, measure
from batch_layer.quality.suite import is_known_to_pandas, observed_sql
from batch_layer.quality.suspects import Suspect, find_suspects
from batch_layer.tables import stored_since, valid_table
from schemas.core.codec import contract_of
from schemas.core.events import Event
from schemas.core.instants import Instant, parse_instant
from schemas.core.names import short
from schemas.lake.catalog import Applied, read_applied
from schemas.lake.generations import all_generations
from schemas.lake.stopped import Standing, Stop, put_stop, read_standing
from schemas.settings import Settings


def check(  # noqa: PLR0913 - one call between building and publishing
    settings: Settings,
    spark: SparkSession,
    event: Event,
    start: Instant | None,
    end: Instant,
    now: Instant,
    *,
    built: Sequence[Built] = (),
    limits: Limits = LIMITS,
) -> Checked:
    """Whether what was judged of `[start, end)` and built of it may be published.

    `start` is the lowest boundary of the event's views, None where one has none yet; `built` may hold views of other
    events too. Notes in the lake that the event is stopped, or that it is not any more, and writes the Data Docs.
    """
    lake, contract = settings.lake, (event.name, contract_of(event))
    live = _by_contract(read_applied(lake))
    applied = live.get(contract, [])
    made = {(each.view, each.definition): each.edits for each in built}
    floor = _floor(applied, read_standing(lake).get(contract, Standing()).accepted)
    figures = read_figures(lake, event, start, end, tally(lake, event, end), floor=floor, limits=limits)
    edits = [(each.view, edit) for each in applied for edit in made.get((each.view.name, each.definition), ())]
    figures = replace(figures, fits=fits(spark, lake, event, edits))
    measured = measure(figures, limits)
    records = _records(spark, lake, event, start, end)
    try:
        evaluated = evaluate(settings.home, event, records, measured, now)
    finally:
        if isinstance(records, DataFrame):
            records.unpersist()
    checked = Checked(
        event=event.name,
        start=start,
        end=end,
        measured=measured,
        contract=evaluated.broken,
        conservation=figures.conservation,
        page=evaluated.page,
        reasons=figures.reasons,
        suspects=_suspects(lake, event, figures, measured, end),
        boundary=_boundary(lake, applied),
    )
    stop = None
    if not checked.passed:
        stop = Stop(checked.broken[0].rule, "; ".join(each.says for each in checked.broken), now, end)
    standing = put_stop(lake, contract, stop, live=live)
    return checked if standing.stop is None else replace(checked, stopped_since=standing.stop.since)


def gated(
    settings: Settings,
    spark: SparkSession,
    built: Sequence[Built],
    found: Judged,
    now: Instant,
    report: Report,
) -> tuple[list[Built], dict[str, Checked]]:
    """What was built, with what may not be published marked so, and what was checked by contract."""
    live = read_applied(settings.lake)
    checked = check_all(settings, spark, found.boundaries, built, now, report)
    stops = {
        contract: "; ".join(f"{rule.rule}: {rule.says}" for rule in each.broken)
        for contract, each in checked.items()
        if not each.passed
    }
    contracts = {(view, each.definition): contract_of(each.view.on) for view, each in live.items()}
    marked = [replace(each, stopped=stops.get(contracts.get((each.view, each.definition), ""))) for each in built]
    return marked, checked


def check_all(
    settings: Settings,
    spark: SparkSession,
    boundaries: Mapping[str, Instant | None],
    built: Sequence[Built],
    now: Instant,
    report: Report,
) -> dict[str, Checked]:
    """Check every contract of which anything was built, up to its boundary; by the hash of the contract."""
    made = {(each.view, each.definition) for each in built if each.edits}
    found = {}
    for (event, contract), applied in _by_contract(read_applied(settings.lake)).items():
        end = boundaries.get(contract)
        if end is not None and any((each.view.name, each.definition) in made for each in applied):
            report(f"checking {event}")
            start = unpublished_since(settings.lake, applied)
            found[contract] = check(settings, spark, applied[0].view.on, start, end, now, built=built)
    return found


def unpublished_since(lake: Path, applied: Sequence[Applied]) -> Instant | None:
    """The lowest boundary that some of these views are served from; None where one has no generation."""
    found = _boundaries(lake, applied)
    return None if None in found else min((each for each in found if each is not None), default=None)


def _boundary(lake: Path, applied: Sequence[Applied]) -> Instant | None:
    return min((each for each in _boundaries(lake, applied) if each is not None), default=None)


def _boundaries(lake: Path, applied: Sequence[Applied]) -> list[Instant | None]:
    # In order of number, so that the last of a definition is its current one.
    reached = {(each.view, each.definition): each.boundary for each in all_generations(lake)}
    return [reached.get((each.view.name, each.definition)) for each in applied]


def _by_contract(applied: Mapping[str, Applied]) -> dict[tuple[str, str], list[Applied]]:
    found: dict[tuple[str, str], list[Applied]] = {}
    for each in applied.values():
        found.setdefault((each.view.on.name, contract_of(each.view.on)), []).append(each)
    return found


def _floor(applied: Sequence[Applied], accepted: Instant | None) -> Instant | None:
    """Below it a person has looked: at the stop that was accepted, or at what the contract makes of all that was there.

    Whoever applies a contract is told by `plan` how many records change their verdict.
    """
    looked = [min((each.applied_at for each in applied), default=None), accepted]
    return max((each for each in looked if each is not None), default=None)


def _records(
    spark: SparkSession, lake: Path, event: Event, start: Instant | None, end: Instant
) -> DataFrame | pa.Table | None:
    """The valid records of the interval as expectations see them: few in memory, others cached; None for none."""
    table = valid_table(lake, event)
    stored = stored_since(table, start)
    spark = fitting(spark, stored)
    # Copies are looked for one horizon back.
    back = None if start is None else Instant(start - event.horizon)
    name = f"checked_{event.name}_{short(contract_of(event))}"
    read_between(spark, table, back, end).createOrReplaceTempView(name)
    rows = spark.sql(observed_sql(event, name))
    rows = rows if start is None else rows.where(f"`available_at` >= {start}")
    if may_be_brought(stored) and is_known_to_pandas(event):
        few = rows.toArrow()
        return few if few.num_rows else None
    rows.persist()
    if rows.isEmpty():
        rows.unpersist()
        return None
    return rows


def _suspects(
    lake: Path, event: Event, figures: Figures, measured: Sequence[Measured], end: Instant
) -> Sequence[Suspect]:
    """What is off in the records of an hour that has too many."""
    for each in measured:
        if each.rule == VOLUME and each.most is not None and each.observed > each.most:
            piece = next(piece for piece in figures.pieces if piece.start == parse_instant(each.of))
            return find_suspects(event, *records_of(lake, event, piece, end))
    return ()
