"""What has been applied: the definitions that batch builds, the stream runs and serving answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from schemas.core import names
from schemas.core.codec import decode_view, definition_of, encode_view
from schemas.core.events import Event
from schemas.core.instants import Instant
from schemas.core.views import View
from schemas.lake import tables

_SCHEMA: Final = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("view", pa.string(), nullable=False),
        pa.field("definition", pa.string(), nullable=False),
        pa.field("removed", pa.bool_(), nullable=False),
        pa.field("encoded", pa.string(), nullable=False),
        pa.field("applied_at", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Applied:
    """One apply of one view; `number` grows with every apply of any view."""

    number: int
    view: View
    definition: str
    removed: bool
    applied_at: Instant


def read_applied(lake: Path) -> dict[str, Applied]:
    """What is wanted now: the latest apply of each view that is not removed."""
    latest = {applied.view.name: applied for applied in read_history(lake)}
    return {name: applied for name, applied in latest.items() if not applied.removed}


def read_history(lake: Path) -> list[Applied]:
    """Every apply, oldest first."""
    return [
        Applied(
            row["number"],
            decode_view(json.loads(row["encoded"])),
            row["definition"],
            row["removed"],
            Instant(row["applied_at"]),
        )
        for row in tables.numbered(lake / names.CATALOG_TABLE)
    ]


def events_of(applied: Mapping[str, Applied]) -> dict[str, Event]:
    """The events of the applied views, by name."""
    return {each.view.on.name: each.view.on for each in applied.values()}


def append_applied(lake: Path, view: View, *, now: Instant, removed: bool = False) -> Applied:
    """Record that this definition of the view is wanted from now on, or that the view is not wanted any more."""
    definition = definition_of(view)
    row = {
        "view": view.name,
        "definition": definition,
        "removed": removed,
        "encoded": json.dumps(encode_view(view), sort_keys=True),
        "applied_at": now,
    }
    number = tables.append_numbered(lake / names.CATALOG_TABLE, _SCHEMA, row)
    return Applied(number, view, definition, removed, now)
