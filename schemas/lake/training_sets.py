"""Which training sets are whole: each row names a version of a table, and the versions that it was built from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from schemas.core import names
from schemas.core.instants import Instant
from schemas.lake import tables

_SCHEMA: Final = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("rows_of", pa.string(), nullable=False),
        pa.field("version", pa.int64(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("end", pa.int64(), nullable=False),
        pa.field("as_of", pa.int64(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("sources", pa.string(), nullable=False),
        pa.field("built_at", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Source:
    """A valid table as it was read: the contract by which it was judged, and its Delta version."""

    contract: str
    version: int


@dataclass(frozen=True)
class TrainingSet:
    """A row for each counted spine event with `available_at` in `[start, end)`, as known at `as_of`.

    `version` is the Delta version of the table that `rows_of`, the hash of what a row is, names; `sources` by event.
    """

    model: str
    rows_of: str
    version: int
    start: Instant
    end: Instant
    as_of: Instant
    rows: int
    sources: Mapping[str, Source]
    built_at: Instant

    @property
    def table(self) -> str:
        """Where its rows lie under the lake."""
        return names.training_table(self.model, self.rows_of)


def append_training_set(lake: Path, done: TrainingSet) -> None:
    """List a set whose rows are committed and counted."""
    row = {**asdict(done), "sources": json.dumps(asdict(done)["sources"], sort_keys=True)}
    tables.append_numbered(lake / names.TRAINING_SETS_TABLE, _SCHEMA, row)


def training_sets(lake: Path, model: str) -> list[TrainingSet]:
    """Every set of a model, oldest first."""
    rows = tables.numbered(lake / names.TRAINING_SETS_TABLE)
    return [_decoded(row) for row in rows if row["model"] == model]


def _decoded(row: Mapping[str, Any]) -> TrainingSet:
    sources = {event: Source(**source) for event, source in json.loads(row["sources"]).items()}
    instants = {name: Instant(row[name]) for name in ("start", "end", "as_of", "built_at")}
    return TrainingSet(
        model=row["model"],
        rows_of=row["rows_of"],
        version=row["version"],
        rows=row["rows"],
        sources=sources,
        **instants,
    )
