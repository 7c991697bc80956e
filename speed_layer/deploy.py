"""Starting what the catalog wants: a listed run from its own latest checkpoint, or a new one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from schemas.core.damage import grown
from schemas.core.errors import RefusedError, UnknownName
from schemas.core.instants import Instant
from schemas.core.names import event_topic
from schemas.core.runs import Run
from schemas.lake.catalog import read_applied
from schemas.lake.generations import history
from schemas.lake.runs import append_run, read_runs
from schemas.settings import Settings
from speed_layer.flink import Flink
from speed_layer.log import create_topics, starting_offsets
from speed_layer.planning import NothingPublished, Wanted, new_run, running, starts_of, wanted
from speed_layer.resuming import resume
from speed_layer.spec import spec_of, write_spec
from speed_layer.submission import Submission, alone, submit

_RUNNING_WITHIN: Final = 90.0
_ASKED_EVERY: Final = 0.2

Report = Callable[[str], None]


@dataclass(frozen=True)
class Deployed:
    """What became of one event.

    `done` is `running` (there was nothing to do), `continued` (from its own checkpoint), `restarted` (from its
    offsets), `started` (a new run), `waiting` (for the first generation of its views) or `refused`; of the last two
    `because` says why.
    """

    event: str
    run: str | None
    done: str
    because: str | None = None


def wants_of(settings: Settings) -> dict[str, Wanted]:
    """What the catalog of the lake wants, by event."""
    applied = sorted(read_applied(settings.lake).values(), key=lambda each: each.number)
    return wanted(each.view for each in applied)


def deploy(
    settings: Settings, flink: Flink, events: Sequence[str], *, now: Instant, report: Report, wait: bool = True
) -> list[Deployed]:
    """Bring each event to a living run of what is applied; all events where none is named. `wait` until it runs."""
    with alone(settings) as lock:
        wants = wants_of(settings)
        for event in events:
            if event not in wants:
                raise UnknownName("event with applied views", event, wants)
        runs, living = read_runs(settings.lake), flink.living()
        prepared = [
            prepare(settings, wants[event], runs, living.keys(), now=now) for event in dict.fromkeys(events or wants)
        ]
        submissions = [each for each in prepared if isinstance(each, Submission)]
        for each in submissions:
            report(f"{each.run.event}: {done_of(each)} {each.run.run}")
        refused = submit(settings, lock, submissions)
    if wait:
        refused |= _await(flink, {each.run.run for each in submissions} - refused.keys())
    return [_deployed(each, refused) for each in prepared]


def prepare(
    settings: Settings, wants: Wanted, runs: Sequence[Run], living: Iterable[str], *, now: Instant
) -> Submission | Deployed:
    """What to submit so that the event runs as wanted; a new run is listed before anything of it can write."""
    event = wants.event.name
    listed = running(wants, runs)
    if listed is not None and listed.run in living:
        return Deployed(event, listed.run, "running")
    try:
        if wants.behind:
            raise RefusedError(
                f"{', '.join(f'`{each}`' for each in wants.behind)} of event `{event}` were applied with another "
                "contract than its other views, and one stream cannot hold both; run `tideline apply`"
            )
        if listed is not None:
            resumed = resume(settings, listed, now=now)
            if isinstance(resumed, Submission):
                return resumed
        return _new(settings, wants, now)
    except NothingPublished as error:
        return Deployed(event, None, "waiting", str(error))
    except RefusedError as error:
        return Deployed(event, None, "refused", str(error))


def done_of(submission: Submission) -> str:
    """In one word; a run that has no checkpoint yet is `started`, whether for the first time or again."""
    return "started" if submission.checkpoint is None else "continued"


def stop(settings: Settings, flink: Flink, runs: Iterable[Run]) -> list[str]:
    """List the runs as stopped and cancel their jobs; the keeper cancels what is left of them."""
    stopped = list(runs)
    for run in stopped:
        append_run(settings.lake, replace(run, state="stopped"))
    living = flink.living()
    for run in stopped:
        if run.run in living:
            flink.cancel(living[run.run])
    return [run.run for run in stopped]


def _new(settings: Settings, wants: Wanted, now: Instant) -> Submission:
    topic = event_topic(wants.event.name)
    start, offsets = _beginning(settings, wants, topic)
    damage = grown(topic, has=len(offsets), reads=wants.event.partitions)
    if damage is not None:
        raise RefusedError(damage)
    run = new_run(wants, start=start, offsets=offsets, now=now)
    spec = spec_of(wants.event, wants.definitions, run, kafka=settings.kafka, state=settings.flink_state)
    write_spec(settings.flink_state, run.run, spec)
    create_topics(settings.kafka, run)
    append_run(settings.lake, run)
    return Submission(run, spec, None)


def _beginning(settings: Settings, wants: Wanted, topic: str) -> tuple[Instant, dict[int, int]]:
    """The lowest start that the log still reaches back to, with its offsets; raises RefusedError where none is.

    After a loss, generations that can no longer be completed cannot be rolled back to, and the others go on.
    """
    starts = starts_of({each: history(settings.lake, view.name, each) for each, view in wants.definitions.items()})
    for start in starts[:-1]:
        with suppress(RefusedError):
            return start, starting_offsets(settings.kafka, topic, Instant(start - wants.event.horizon))
    return starts[-1], starting_offsets(settings.kafka, topic, Instant(starts[-1] - wants.event.horizon))


def _await(flink: Flink, runs: Iterable[str]) -> dict[str, str]:
    """Wait until every task of the runs' jobs runs; why one does not, by run."""
    waiting, ends = set(runs), time.monotonic() + _RUNNING_WITHIN
    while waiting:
        waiting -= {job.name for job in flink.jobs() if job.works}
        if time.monotonic() > ends:
            return {run: _why_not(flink, run) for run in waiting}
        time.sleep(_ASKED_EVERY)
    return {}


def _why_not(flink: Flink, run: str) -> str:
    job = flink.living().get(run)
    state = f"is {job.state.lower()}" if job else "has no job"
    failure = flink.failure(job) if job else None
    return f"it {state} after {_RUNNING_WITHIN:.0f} s ({failure or 'no failure is told'}); see `tideline speed status`"


def _deployed(prepared: Submission | Deployed, refused: Mapping[str, str]) -> Deployed:
    if isinstance(prepared, Deployed):
        return prepared
    run = prepared.run
    because = refused.get(run.run)
    return Deployed(run.event, run.run, "refused" if because else done_of(prepared), because)
