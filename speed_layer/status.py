"""How each event's run fares: state, position, lag, restarts, version."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from schemas.core.instants import Instant
from schemas.core.names import short
from schemas.core.runs import Run
from schemas.lake.archived import read_kept
from schemas.lake.runs import started_runs
from schemas.settings import Settings
from speed_layer.deploy import wants_of
from speed_layer.flink import Flink, Job
from speed_layer.log import damage_of, positions
from speed_layer.planning import running


@dataclass(frozen=True)
class RunStatus:
    """One started run. `lag` is in records, by the last completed checkpoint; ages are in milliseconds.

    `damage` is what is wrong with the topic that it reads.
    """

    event: str
    run: str
    version: str
    current: bool
    state: str
    positions: dict[int, int]
    lag: int
    restarts: int
    checkpoint_age: int | None
    failure: str | None
    damage: str | None = None


def status(settings: Settings, flink: Flink, now: Callable[[], Instant]) -> list[RunStatus]:
    """Every started run, and a line for each event that is wanted and has none."""
    runs = started_runs(settings.lake)
    wants = wants_of(settings)
    newest = {event: running(want, runs) for event, want in wants.items()}
    jobs = {job.name: job for job in sorted(flink.jobs(), key=lambda job: job.lives)}
    damage = damage_of(settings.kafka, runs, read_kept(settings.lake))
    found = [
        replace(
            _status(settings, flink, run, jobs.get(run.run), newest.get(run.event) == run, now),
            damage=damage.get(run.run),
        )
        for run in runs
    ]
    missing = [event for event, run in newest.items() if run is None]
    found += [
        RunStatus(event, "", short(wants[event].version), True, "not deployed", {}, 0, 0, None, None)
        for event in missing
    ]
    return sorted(found, key=lambda each: (each.event, each.run))


def _status(
    settings: Settings, flink: Flink, run: Run, job: Job | None, current: bool, now: Callable[[], Instant]
) -> RunStatus:
    reached = positions(settings.kafka, run)
    completed: Any = flink.checkpoints(job)["latest"]["completed"] if job else None
    return RunStatus(
        event=run.event,
        run=run.run,
        version=short(run.version),
        current=current,
        state=job.state.lower() if job else "not running",
        positions={partition: position.reached for partition, position in reached.items()},
        lag=sum(position.end - position.reached for position in reached.values()),
        restarts=flink.restarts(job) if job else 0,
        checkpoint_age=now() - int(completed["latest_ack_timestamp"]) if completed else None,
        failure=flink.failure(job) if job else None,
    )
