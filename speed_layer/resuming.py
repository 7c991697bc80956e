"""Whether and from where a listed run goes on after it has lost its job."""

from __future__ import annotations

import re
from typing import Final

from schemas.core.instants import Instant, format_duration
from schemas.core.runs import SPEED_RETENTION, Run
from schemas.settings import Settings
from speed_layer import checkpoints
from speed_layer.log import Position, positions
from speed_layer.spec import read_spec
from speed_layer.submission import Submission

_OF_THE_MACHINE: Final = re.compile(
    r"No space left on device|Read-only file system|Too many open files|Cannot allocate memory"
)
_OF_A_FILE: Final = re.compile(
    r"^Caused by: (?:java\.io\.(?:FileNotFound|EOF)|java\.nio\.file\.NoSuchFile)Exception.*", re.MULTILINE
)
_OF_ROCKSDB: Final = re.compile(r"^(?:Caused by: )?org\.rocksdb\.RocksDBException: (.*)", re.MULTILINE)
_RESTORING: Final = "Could not restore"


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
    found = checkpoints.usable(settings.flink_state, run.run)
    if not found and checkpoints.complete(settings.flink_state, run.run):
        return "none of its checkpoints is what it was when it was taken"
    if not found:
        return Submission(run, spec, None)
    age = now - checkpoints.taken_at(found[0])
    if age > SPEED_RETENTION // 2:
        # Its rows would expire by the clock before the events that belong to them have been read.
        return f"its latest checkpoint is older than {format_duration(SPEED_RETENTION // 2)}"
    return Submission(run, spec, found[failures % len(found)])


def unreadable(trace: str) -> str | None:
    """Why a job that failed so cannot read its state, however often it is started again; None where it may.

    What it takes for damage by mistake costs a new run, which is exact too; what it overlooks stands still for ever.
    """
    if _OF_THE_MACHINE.search(trace):
        return None
    if told := _OF_ROCKSDB.search(trace):
        return f"its state cannot be read: {told[1]}"
    if _RESTORING in trace and (told := _OF_A_FILE.search(trace)):
        return f"its state cannot be read: {told[0].removeprefix('Caused by: ')}"
    return None


def _lost(run: Run, reached: dict[int, Position]) -> str | None:
    for partition, position in sorted(reached.items()):
        if position.reached < position.begin:
            return (
                f"partition {partition} of `{run.topic}` begins at offset {position.begin}, "
                f"and it had read up to {position.reached}"
            )
    return None
