"""The runs that the stream has started; listed before they start, so that nothing unlisted ever writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from schemas.core import names
from schemas.core.instants import Instant
from schemas.core.runs import Run
from schemas.lake import tables

_SCHEMA: Final = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("event", pa.string(), nullable=False),
        pa.field("version", pa.string(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("offsets", pa.string(), nullable=False),
        pa.field("topic", pa.string(), nullable=False),
        pa.field("topics", pa.string(), nullable=False),
        pa.field("created_at", pa.int64(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
    ]
)


def read_runs(lake: Path) -> list[Run]:
    """Every run in its latest state, oldest first."""
    latest = {row["run"]: _run(row) for row in tables.numbered(lake / names.RUNS_TABLE)}
    return sorted(latest.values(), key=lambda run: (run.created_at, run.run))


def started_runs(lake: Path) -> list[Run]:
    """Those that have not been stopped, oldest first."""
    return [run for run in read_runs(lake) if run.state == "started"]


def append_run(lake: Path, run: Run) -> None:
    """List the run, or its new state."""
    row = {
        "run": run.run,
        "event": run.event,
        "version": run.version,
        "start": run.start,
        "offsets": json.dumps({str(partition): offset for partition, offset in run.offsets.items()}),
        "topic": run.topic,
        "topics": json.dumps(dict(run.topics)),
        "created_at": run.created_at,
        "state": run.state,
    }
    tables.append_numbered(lake / names.RUNS_TABLE, _SCHEMA, row)


def _run(row: Mapping[str, Any]) -> Run:
    return Run(
        run=row["run"],
        event=row["event"],
        version=row["version"],
        start=Instant(row["start"]),
        offsets={int(partition): offset for partition, offset in json.loads(row["offsets"]).items()},
        topic=row["topic"],
        topics=json.loads(row["topics"]),
        created_at=Instant(row["created_at"]),
        state=row["state"],
    )
