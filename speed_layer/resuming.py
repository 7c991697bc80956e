"""Whether and from where a listed run goes on after it has lost its job."""

from __future__ import annotations

from schemas.core.instants import Instant, format_duration
from schemas.core.runs import SPEED_RETENTION, Run
from schemas.settings import Settings
from speed_layer import checkpoints
from speed_layer.log import Position, positions
from speed_layer.spec import read_spec
from speed_layer.submission import Submission


def resume(settings: Settings, run: Run, *, now: Instant, failures: int = 0) -> Submission | str:
    """The run's job again, or why the run is lost and a new one has to take its place.

    From its own latest checkpoint, or while there is none from its offsets. A job that Flink could not even create
    from a checkpoint has `failures`: each further try takes the one before it, round and round.
    """
    lost = _lost(run, positions(settings.kafka, run))
    if lost is not None:
        return lost
    spec = read_spec(settings.flink_state, run.run)
    if spec is None:
        return f"the statements that it was started with are gone from `{settings.flink_state}`"
    found = checkpoints.complete(settings.flink_state, run.run)
    if not found:
        return Submission(run, spec, None)
    age = now - checkpoints.taken_at(found[0])
    if age > SPEED_RETENTION // 2:
        # Its rows would expire by the clock before the events that belong to them have been read.
        return f"its latest checkpoint is older than {format_duration(SPEED_RETENTION // 2)}"
    return Submission(run, spec, found[failures % len(found)])


def _lost(run: Run, reached: dict[int, Position]) -> str | None:
    for partition, position in sorted(reached.items()):
        if position.reached < position.begin:
            return (
                f"partition {partition} of `{run.topic}` begins at offset {position.begin}, "
                f"and it had read up to {position.reached}"
            )
    return None
