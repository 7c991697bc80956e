"""All faults by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tests.faults import batches, disks, files, meetings, sending, switching
from tests.faults.fault import Fault
from tests.faults.programs import LONG_SECONDS, freeze, kill
from tests.faults.retention import RETENTION

FAULTS: Final[Mapping[str, Fault]] = {
    **{f"kill {program}": kill(program) for program in ("reader", "loader", "applier")},
    **{f"kill {program}": kill(program) for program in ("flink-taskmanager", "flink-jobmanager", "kafka")},
    **{f"freeze {program}": freeze(program) for program in ("applier", "flink-taskmanager", "kafka")},
    "freeze kafka for long": freeze("kafka", LONG_SECONDS),
    "burst": sending.burst,
    "burst into a frozen task manager": sending.burst_into_frozen,
    "copies": sending.copies,
    "replay": sending.replay,
    "late": sending.late,
    "poison": sending.poison,
    "torn segment": files.segment,
    "torn served segment": files.served_segment,
    "torn environment": files.environment,
    "torn lake segment": files.lake_segment,
    "torn checkpoint": files.checkpoint,
    "torn archive checkpoint": files.archive_checkpoint,
    "torn delta log": files.delta_log,
    "kill batch": batches.killed,
    "kill recompute": batches.killed_recompute,
    "kill loader at publication": batches.loader_killed,
    "two batches": meetings.two_at_once,
    "recompute beside": batches.recompute_beside,
    "frozen batch": meetings.frozen,
    "wrong view": batches.wrong_view,
    "switch of runs under a frozen task manager": switching.runs,
    **disks.DISKS,
    **RETENTION,
}
