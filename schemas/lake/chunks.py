"""Backfills under way: the chunks that each was cut into, and the segment of each that is built.

A row is a chunk as it was planned (`segment` null), a chunk that is built, or the end of a plan (`segment` empty).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from schemas.core import names
from schemas.core.chunks import Chunk, Planned
from schemas.core.instants import Instant
from schemas.lake import tables

_SCHEMA: Final = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("plan", pa.int64(), nullable=False),
        pa.field("view", pa.string(), nullable=False),
        pa.field("definition", pa.string(), nullable=False),
        pa.field("imports", pa.int64(), nullable=False),
        pa.field("start", pa.int64()),
        pa.field("end", pa.int64(), nullable=False),
        pa.field("segment", pa.string()),
        pa.field("at", pa.int64(), nullable=False),
    ]
)
_ENDED: Final = ""


def read_planned(lake: Path, view: str, definition: str) -> Planned | None:
    """The newest backfill of a definition, unless it was given up."""
    rows = tables.read(lake / names.CHUNKS_TABLE).rows
    of = [row for row in rows if (row["view"], row["definition"]) == (view, definition)]
    return _planned(of)


def read_built(lake: Path) -> set[str]:
    """The segments of all backfills that were not given up, of any view."""
    rows = tables.read(lake / names.CHUNKS_TABLE).rows
    ended = {row["plan"] for row in rows if row["segment"] == _ENDED}
    return {row["segment"] for row in rows if row["segment"] and row["plan"] not in ended}


def append_plan(
    lake: Path, view: str, definition: str, chunks: Sequence[Chunk], *, imports: int, now: Instant
) -> Planned:
    """List the chunks of a new backfill, all at once; one that was listed meanwhile stays and is given."""
    before = read_planned(lake, view, definition)
    while True:
        snapshot = tables.read(lake / names.CHUNKS_TABLE)
        found = _planned([row for row in snapshot.rows if (row["view"], row["definition"]) == (view, definition)])
        if found is not None and (before is None or found.number != before.number):
            return found
        number = snapshot.next_number
        planned = Planned(number, view, definition, imports, tuple(chunks))
        rows = [_row(number + index, planned, each, now) for index, each in enumerate(chunks)]
        if tables.append_all(snapshot, _SCHEMA, rows, application="chunks", number=number + len(rows) - 1):
            return planned


def append_chunk(lake: Path, planned: Planned, chunk: Chunk, *, now: Instant) -> Chunk:
    """List a chunk as built, once its rows are there; the first that is listed counts, and is given."""
    while True:
        snapshot = tables.read(lake / names.CHUNKS_TABLE)
        for row in snapshot.rows:
            if row["segment"] and (row["plan"], row["start"], row["end"]) == (planned.number, chunk.start, chunk.end):
                return Chunk(chunk.start, chunk.end, row["segment"])
        number = snapshot.next_number
        row = _row(number, planned, chunk, now)
        if tables.append(snapshot, _SCHEMA, row, application="chunks", number=number):
            return chunk


def end_plan(lake: Path, planned: Planned, *, now: Instant) -> None:
    """Give a backfill up; its segments are referenced by nothing."""
    append_chunk(lake, planned, Chunk(None, planned.boundary, _ENDED), now=now)


def _planned(rows: Sequence[Mapping[str, Any]]) -> Planned | None:
    newest = max((row["plan"] for row in rows), default=None)
    of = sorted((row for row in rows if row["plan"] == newest), key=lambda row: int(row["number"]))
    if not of or any(row["segment"] == _ENDED for row in of):
        return None
    built: dict[tuple[int | None, int], str] = {}
    for row in of:
        if row["segment"]:
            built.setdefault((row["start"], row["end"]), row["segment"])
    chunks = tuple(
        Chunk(row["start"], Instant(row["end"]), built.get((row["start"], row["end"])))
        for row in of
        if row["segment"] is None
    )
    return Planned(of[0]["plan"], of[0]["view"], of[0]["definition"], of[0]["imports"], chunks)


def _row(number: int, planned: Planned, chunk: Chunk, now: Instant) -> dict[str, Any]:
    return {
        "number": number,
        "plan": planned.number,
        "view": planned.view,
        "definition": planned.definition,
        "imports": planned.imports,
        "start": chunk.start,
        "end": chunk.end,
        "segment": chunk.segment,
        "at": now,
    }
