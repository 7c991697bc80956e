"""`recompute VIEW`: everything below the boundary again, from raw, as one segment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pyspark.sql import SparkSession

from batch_layer.build import boundary_of
from batch_layer.comparing import compare
from batch_layer.conservation import tally_anew
from batch_layer.locks import reading_imports, recomputing
from batch_layer.outcomes import Report
from batch_layer.quality.accepting import require_published
from batch_layer.segments import append_rebuilt
from batch_layer.tables import imported, judged_until
from batch_layer.valid import judge_interval
from schemas.core.errors import RefusedError, UnknownName
from schemas.core.generations import Generation, Recompute
from schemas.core.instants import Instant
from schemas.lake.catalog import Applied
from schemas.lake.generations import Discarded, current, history, publish
from schemas.lake.recomputes import Differences, Recomputed, append_recompute, read_recomputes
from schemas.settings import Settings


class Publish(Enum):
    """When a rebuilt segment is published; what is not stays in the lake, for a person to approve of."""

    ALWAYS = "always"
    IF_EQUAL = "if equal"
    NEVER = "never"


@dataclass(frozen=True)
class Asked:
    """What is asked of a recompute: whether it compares, when it publishes, and why it is done."""

    compare: bool = False
    publish: Publish = Publish.ALWAYS
    reason: str = ""


@dataclass(frozen=True)
class Done:
    """What was rebuilt, and the generation that it is published as; None: it waits for an approval."""

    recomputed: Recomputed
    generation: Generation | None


def recompute(
    settings: Settings, spark: SparkSession, applied: Applied, now: Instant, report: Report, asked: Asked = Asked()
) -> Done:
    """Judge raw again and rebuild the view up to its boundary; what later runs have added above stays.

    Raises `RefusedError` where another recompute of the view is running, nothing is archived yet, or the event is
    stopped and history would be published that no run has published.
    """
    view, lake = applied.view, settings.lake
    with recomputing(settings, view.name) as tell, reading_imports(settings, view.on.name):
        if tell is None:
            raise RefusedError(f"view `{view.name}` is being recomputed by another process; wait until that has ended")
        before = current(lake, view.name, applied.definition)
        end = before.boundary if before else boundary_of(lake, view.on)
        if end is None:
            raise RefusedError(
                f"nothing of event `{view.on.name}` is archived that a boundary could cover; run `tideline batch run`"
            )
        tell(end)
        _judge_again(spark, settings, applied, end, report)
        report(f"building {view.name}")
        edit = Recompute(append_rebuilt(spark, lake, view, end), imported(lake, view.on.name))
        differences = None
        if before is not None and (asked.compare or asked.publish is Publish.IF_EQUAL):
            report(f"comparing {view.name}")
            differences = compare(spark, lake, view, [each.id for each in before.segments], edit.segment)
        done = Recomputed(view.name, applied.definition, edit, now, asked.reason, differences)
        append_recompute(lake, done)
        is_published = _is_published(asked.publish, differences)
        return Done(done, _publish(settings, applied, done, now) if is_published else None)


def publish_recomputed(settings: Settings, applied: Applied, segment: str | None, now: Instant) -> Done:
    """Publish a segment that a recompute built and did not publish, by default the newest; again changes nothing.

    Raises `UnknownName` for one that no recompute of the applied definition has built.
    """
    found = {each.segment.id: each for each in read_recomputes(settings.lake, applied.view.name, applied.definition)}
    wanted = next(reversed(found), "") if segment is None else segment
    if wanted not in found:
        raise UnknownName(f"recomputed segment of view `{applied.view.name}`", wanted, found)
    done = found[wanted]
    for generation in history(settings.lake, applied.view.name, applied.definition):
        if any(each.id == wanted for each in generation.segments):
            return Done(done, generation)
    return Done(done, _publish(settings, applied, done, now))


def _is_published(when: Publish, differences: Differences | None) -> bool:
    if when is Publish.IF_EQUAL:
        return differences is None or not differences.differing
    return when is Publish.ALWAYS


def _publish(settings: Settings, applied: Applied, done: Recomputed, now: Instant) -> Generation:
    before = current(settings.lake, applied.view.name, applied.definition)
    if before is None or before.imports != done.edit.imports:
        require_published(settings.lake, applied.view.on)
    outcome = publish(settings.lake, applied.view.name, applied.definition, done.edit, now=now)
    if isinstance(outcome, Discarded):
        raise RefusedError(
            f"the recompute of view `{applied.view.name}` was overtaken and is discarded: {outcome.reason}; "
            "recompute it again"
        )
    return outcome.generation


def _judge_again(spark: SparkSession, settings: Settings, applied: Applied, end: Instant, report: Report) -> None:
    event = applied.view.on
    report(f"judging all of {event.name}")
    reached = judged_until(settings.lake, event)
    if reached is not None:
        judge_interval(spark, settings.lake, event, start=None, end=reached, again=True)
    if reached is None or reached < end:
        judge_interval(spark, settings.lake, event, start=reached, end=end)
    report(f"counting {event.name}")
    tally_anew(settings.lake, event, end if reached is None else max(reached, end))
