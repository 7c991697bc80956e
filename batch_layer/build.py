"""What a run makes before anything is published: records judged, segments appended, and the edits that would show them.

One event or view that fails leaves the others alone; the reason stands in what is returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from deltalake.exceptions import DeltaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from batch_layer.approval import beside
from batch_layer.conservation import has_records
from batch_layer.little import fitting
from batch_layer.locks import Recomputed, reading_imports
from batch_layer.outcomes import Built, Report
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
from batch_layer.valid import judge_interval
from schemas.core.availability import covered_boundary, holding_back
from schemas.core.codec import contract_of
from schemas.core.errors import TidelineError
from schemas.core.events import Event
from schemas.core.generations import Edit, Generation, Recompute
from schemas.core.instants import Instant
from schemas.core.records import IMPORTED
from schemas.core.views import View
from schemas.lake.catalog import Applied, events_of
from schemas.lake.chunks import read_planned
from schemas.lake.generations import current
from schemas.lake.tables import unreadable, unwritable
from schemas.settings import Settings

_AT_ONCE: Final = 2
"""Judgements, then views, that are worked on side by side: one waits for its commit while another computes."""

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True)
class Judged:
    """Boundaries by contract, up to which valid and quarantine reach; `failed` is why those of a contract do not."""

    boundaries: Mapping[str, Instant | None]
    failed: Mapping[str, str]


def boundary_of(lake: Path, event: Event) -> Instant | None:
    """The boundary that what is archived covers; None while a partition holds nothing."""
    return covered_boundary(_reached(lake, event), event.partitions, event.epoch)


def held_back(lake: Path, event: Event) -> list[int]:
    """The partitions that keep the boundary where it is."""
    return holding_back(_reached(lake, event), event.partitions)


def contracts_of(applied: Mapping[str, Applied]) -> dict[str, Event]:
    """The event of each contract that some view was applied with."""
    return {contract_of(each.view.on): each.view.on for each in applied.values()}


@contextmanager
def judged(settings: Settings, spark: SparkSession, applied: Mapping[str, Applied], report: Report) -> Iterator[Judged]:
    """Judge all that is archived; imports wait until the block ends, so that none lands unread."""
    lake, contracts = settings.lake, contracts_of(applied)
    boundaries = {contract: boundary_of(lake, event) for contract, event in contracts.items()}

    def judge(contract: str) -> str | None:
        end = boundaries[contract]
        return None if end is None else attempted(lake, lambda: _judge(spark, lake, contracts[contract], end, report))

    with ExitStack() as locks:
        for event in events_of(applied):
            locks.enter_context(reading_imports(settings, event))
        reasons = dict(zip(contracts, side_by_side(judge, contracts), strict=True))
        yield Judged(boundaries, {contract: reason for contract, reason in reasons.items() if reason is not None})


def build_all(
    settings: Settings, spark: SparkSession, applied: Mapping[str, Applied], found: Judged, report: Report
) -> list[Built]:
    """Append the segments of every view, unpublished; again adds nothing to answers."""

    def build(each: Applied) -> Built:
        contract, made = contract_of(each.view.on), list[Built]()
        reason = found.failed.get(contract) or attempted(
            settings.lake,
            lambda: made.append(build_view(settings, spark, each, found.boundaries[contract], report)),
        )
        return made[0] if reason is None else Built(each.view.name, each.definition, failed=reason)

    return side_by_side(build, applied.values())


def build_view(settings: Settings, spark: SparkSession, applied: Applied, end: Instant | None, report: Report) -> Built:
    """Append what the current generation lacks up to `end`; `judged` must have got there."""
    view, lake = applied.view, settings.lake
    segments_table(lake, view)
    before = current(lake, view.name, applied.definition)
    imports = imported(lake, view.on.name)
    if end is None or (before is not None and _holds(before, end, imports)):
        return Built(view.name, applied.definition)
    if before is None and (planned := read_planned(lake, view.name, applied.definition)) is not None:
        built = f"{len(planned.chunks) - len(planned.missing)} of {len(planned.chunks)} chunks are built"
        return Built(view.name, applied.definition, notes=[f"a backfill is under way: {built}"])
    report(f"building {view.name}")
    if before is not None and before.imports != imports:
        edit = Recompute(append_rebuilt(spark, lake, view, end), imports)
        note = "built again from raw: history was imported since the generation before"
        return Built(view.name, applied.definition, [edit], [note])
    edits = _append_extension(spark, lake, view, before, end, beside(settings, applied))
    return Built(view.name, applied.definition, edits)


def attempted(lake: Path, work: Callable[[], object]) -> str | None:
    """Do it; the reason where the lake or its definition does not let it be done. Other errors are raised."""
    try:
        work()
    except TidelineError as error:
        return str(error)
    except DeltaError as error:
        return str(unwritable(lake, error) or unreadable(lake, error))
    except PySparkException as error:
        spark = f"Spark ended with an error, so nothing of it is published: {str(error).splitlines()[0]}"
        return str(unwritable(lake, error) or spark)
    return None


def side_by_side(work: Callable[[_In], _Out], items: Iterable[_In]) -> list[_Out]:
    """The results in order; the first error ends it once what had begun has ended."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(work, items))


def _reached(lake: Path, event: Event) -> dict[int, Instant | None]:
    held = archived(lake, event.name).items()
    return {partition: each.available_at for partition, each in held if partition != IMPORTED}


def _judge(spark: SparkSession, lake: Path, event: Event, end: Instant, report: Report) -> None:
    start = judged_until(lake, event)
    if (start is None or start < end) and has_records(lake, event.name, start, end):
        report(f"judging {event.name}")
        judge_interval(spark, lake, event, start=start, end=end)


def _holds(generation: Generation, end: Instant, imports: int) -> bool:
    """Whether a generation has all that a run could add; a boundary beyond `end` is a newer run's."""
    return generation.boundary > end or (generation.boundary == end and generation.imports == imports)


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
