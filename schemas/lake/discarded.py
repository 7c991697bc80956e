"""Segments that upkeep has taken away: listed before their rows go, so that nobody reads nothing for something."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

import pyarrow as pa

from schemas.core import names
from schemas.core.instants import Instant
from schemas.lake import tables

_SCHEMA: Final = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("view", pa.string(), nullable=False),
        pa.field("definition", pa.string(), nullable=False),
        pa.field("segment", pa.string(), nullable=False),
        pa.field("at", pa.int64(), nullable=False),
    ]
)


def read_discarded(lake: Path) -> frozenset[str]:
    """The ids of all segments that are gone, or will be in a moment.

    None is ever taken off: a run may have been frozen for however long before it publishes one of them.
    """
    return frozenset(row["segment"] for row in tables.rows(lake / names.DISCARDED_TABLE, columns=["segment"]))


def append_discarded(lake: Path, view: str, definition: str, segments: Collection[str], *, now: Instant) -> None:
    """List segments, all at once; those that are listed stay as they are."""
    while True:
        snapshot = tables.read(lake / names.DISCARDED_TABLE)
        new = sorted(set(segments) - {row["segment"] for row in snapshot.rows})
        if not new:
            return
        number = snapshot.next_number
        rows = [
            {"number": number + index, "view": view, "definition": definition, "segment": each, "at": now}
            for index, each in enumerate(new)
        ]
        if tables.append_all(snapshot, _SCHEMA, rows, application="discarded", number=number + len(new) - 1):
            return
