"""What a stream job is made of, as plain text: what `job.py` reads, and the version that it makes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from schemas.core import names
from schemas.core.codec import SEMANTICS
from schemas.core.events import Event
from schemas.core.instants import Instant
from schemas.core.runs import SPEED_RETENTION, Run
from schemas.core.views import View
from speed_layer import checkpoints
from speed_layer.compile import counted_sql, partials_sql
from speed_layer.tables import COUNTED, sink_sql, source_sql

CONFIGURATION: Final[Mapping[str, str]] = {
    "parallelism.default": "1",
    "pipeline.object-reuse": "true",
    "table.local-time-zone": "UTC",
    # By default generated code is cut into pieces of 4,000 characters; whole, it costs half the time to compile.
    "table.generated-code.max-length": "12000",
    "state.backend.type": "rocksdb",
    # Most ids and most rows are new when they are looked up: without filters each of them costs a search of the disk.
    "state.backend.rocksdb.use-bloom-filter": "true",
    "state.backend.rocksdb.compression.per.level": "NO_COMPRESSION",
    "execution.buffer-timeout.interval": "5 ms",
    "execution.checkpointing.interval": "1 s",
    "execution.checkpointing.min-pause": "200 ms",
    "execution.checkpointing.timeout": "2 min",
    "execution.checkpointing.tolerable-failed-checkpoints": "100",
    "execution.checkpointing.incremental": "true",
    # More than are taken from one look of the keeper to the next, so that one that it has noted is always there.
    "execution.checkpointing.num-retained": "5",
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "2147483647",
    "restart-strategy.fixed-delay.delay": "1 s",
}
"""Settings of every job. Part of a run's version: a run never goes on under others."""


def version_of(event: Event, definitions: Mapping[str, View]) -> str:
    """The hash of all that a run runs, down to its statements; where it starts is no part of it.

    A compiler that writes other statements thus makes another run, whose state nothing of the old one enters.
    """
    nowhere = Run(
        run="",
        event=event.name,
        version="",
        start=Instant(0),
        offsets={},
        topic=names.event_topic(event.name),
        topics={each: names.short(each) for each in definitions},
        created_at=Instant(0),
        state="started",
    )
    spec = spec_of(event, definitions, nowhere, kafka="", state=Path("/"))
    meaning = {"semantics": SEMANTICS, "definitions": sorted(definitions), "spec": spec}
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()


def spec_of(event: Event, definitions: Mapping[str, View], run: Run, *, kafka: str, state: Path) -> dict[str, Any]:
    """The statements and settings of a run's job; `state` is the folder of all runs' checkpoints."""
    source = source_sql(run.topic, brokers=kafka, group=names.consumer_group(run.run), offsets=run.offsets)
    views = sorted(definitions.items())
    return {
        "configuration": {
            **CONFIGURATION,
            # State that expired while its epoch is still served would start again from zero and hide the larger value.
            "table.exec.state.ttl": f"{SPEED_RETENTION + event.horizon} ms",
            "pipeline.name": run.run,
            "execution.checkpointing.dir": checkpoints.folder(state, run.run).as_uri(),
        },
        "tables": [source, *(sink_sql(view, run.topics[each], brokers=kafka) for each, view in views)],
        "stages": [{"name": COUNTED, "query": counted_sql(event, start=run.start)}],
        "inserts": [f"INSERT INTO `{run.topics[each]}`\n{partials_sql(view, f'`{COUNTED}`')}" for each, view in views],
    }


def write_spec(state: Path, run: str, spec: Mapping[str, Any]) -> None:
    """Keep the spec: a run is continued by what it was started with, whatever the compiler writes by then."""
    path = path_of(state, run)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(spec, indent=1))
    new.replace(path)


def read_spec(state: Path, run: str) -> dict[str, Any] | None:
    """The spec that `write_spec` kept; None where it is gone, and with it the way to continue the run."""
    path = path_of(state, run)
    if not path.exists():
        return None
    spec: dict[str, Any] = json.loads(path.read_text())
    return spec


def path_of(state: Path, run: str) -> Path:
    """Where the spec of a run is kept."""
    return state / "specs" / f"{run}.json"
