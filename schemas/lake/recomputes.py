"""Recomputes: why each was done, and how what it built compares with the segments that were published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from schemas.core import names
from schemas.core.generations import Recompute, Segment
from schemas.core.instants import Instant
from schemas.lake import tables

_SCHEMA: Final = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("view", pa.string(), nullable=False),
        pa.field("definition", pa.string(), nullable=False),
        pa.field("segment", pa.string(), nullable=False),
        pa.field("end", pa.int64(), nullable=False),
        pa.field("imports", pa.int64(), nullable=False),
        pa.field("at", pa.int64(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("rows", pa.int64()),
        pa.field("differing", pa.int64()),
        pa.field("examples", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Differences:
    """How a rebuilt segment compares with what was published: of `rows` by key and tile in either, how many differ.

    Each of `examples` is plain JSON: `entity`, `tile`, and what was `published` and `rebuilt`, null where there is no
    such row.
    """

    rows: int
    differing: int
    examples: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Recomputed:
    """A segment rebuilt from raw, published or not; `differences` None: it was not compared."""

    view: str
    definition: str
    edit: Recompute
    at: Instant
    reason: str
    differences: Differences | None

    @property
    def segment(self) -> Segment:
        """What was rebuilt."""
        return self.edit.segment


def read_recomputes(lake: Path, view: str, definition: str) -> list[Recomputed]:
    """Those of one definition, oldest first."""
    rows = tables.numbered(lake / names.RECOMPUTES_TABLE)
    return [_recomputed(row) for row in rows if (row["view"], row["definition"]) == (view, definition)]


def append_recompute(lake: Path, done: Recomputed) -> None:
    """List a segment once its rows are there."""
    compared = done.differences
    row = {
        "view": done.view,
        "definition": done.definition,
        "segment": done.segment.id,
        "end": done.segment.end,
        "imports": done.edit.imports,
        "at": done.at,
        "reason": done.reason,
        "rows": compared.rows if compared else None,
        "differing": compared.differing if compared else None,
        "examples": json.dumps(compared.examples if compared else ()),
    }
    tables.append_numbered(lake / names.RECOMPUTES_TABLE, _SCHEMA, row)


def _recomputed(row: Mapping[str, Any]) -> Recomputed:
    examples = tuple(json.loads(row["examples"]))
    return Recomputed(
        view=row["view"],
        definition=row["definition"],
        edit=Recompute(Segment(row["segment"], None, Instant(row["end"])), row["imports"]),
        at=Instant(row["at"]),
        reason=row["reason"],
        differences=None if row["rows"] is None else Differences(row["rows"], row["differing"], examples),
    )
