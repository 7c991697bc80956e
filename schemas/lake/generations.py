"""The one routine that moves a view's pointer: read the snapshot, check the fit, commit from that snapshot."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from schemas.core import names
from schemas.core.generations import (
    Edit,
    Generation,
    Segment,
    boundary_of,
    edited,
    imports_of,
    lasting,
    misfit,
    standing,
)
from schemas.core.instants import Instant
from schemas.lake import tables
from schemas.lake.discarded import read_discarded

_SCHEMA: Final = pa.schema(
    [
        pa.field("view", pa.string(), nullable=False),
        pa.field("definition", pa.string(), nullable=False),
        pa.field("number", pa.int64(), nullable=False),
        pa.field("boundary", pa.int64(), nullable=False),
        pa.field("published_at", pa.int64(), nullable=False),
        pa.field("edit", pa.string(), nullable=False),
        pa.field(
            "segments",
            pa.list_(pa.struct([("id", pa.string()), ("start", pa.int64()), ("end", pa.int64())])),
            nullable=False,
        ),
        pa.field("imports", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Published:
    """The edit is the current generation now."""

    generation: Generation


@dataclass(frozen=True)
class Discarded:
    """The edit did not fit what was current at the commit; its segment is referenced by nothing. Plan anew."""

    reason: str


def history(lake: Path, view: str, definition: str) -> list[Generation]:
    """The generations of one definition of which every segment is there, oldest first."""
    return [each for each in all_generations(lake) if (each.view, each.definition) == (view, definition)]


def current(lake: Path, view: str, definition: str) -> Generation | None:
    """The newest generation of one definition."""
    return next(reversed(history(lake, view, definition)), None)


def all_generations(lake: Path) -> list[Generation]:
    """Those of every view and definition of which every segment is there, by view and number."""
    rows = tables.read(lake / names.GENERATIONS_TABLE).rows
    # What is discarded is read last: whoever discards has seen every generation that we have.
    found = standing(map(_generation, rows), read_discarded(lake))
    return sorted(found, key=lambda each: (each.view, each.number))


def ever_published(lake: Path, view: str, definition: str) -> list[Generation]:
    """Every generation of one definition, those too that have lost segments; in no order."""
    rows = tables.read(lake / names.GENERATIONS_TABLE).rows
    return [_generation(row) for row in rows if (row["view"], row["definition"]) == (view, definition)]


def publish(lake: Path, view: str, definition: str, edit: Edit, *, now: Instant) -> Published | Discarded:
    """Make the edit of whatever generation is current at the commit, or discard it where it does not fit.

    Numbers run through all definitions of a view, so that no two publications of a view share one.
    """
    while True:
        snapshot = tables.read(lake / names.GENERATIONS_TABLE)
        listed, discarded = list(map(_generation, snapshot.rows)), read_discarded(lake)
        next_ = successor(listed, view, definition, edit, now=now, discarded=discarded)
        if isinstance(next_, Discarded):
            return next_
        if tables.append(snapshot, _SCHEMA, _row(next_), application=f"generation/{view}", number=next_.number):
            # Whoever was frozen for long before the commit may have published what was discarded meanwhile.
            return Published(next_) if standing([next_], read_discarded(lake)) else Discarded(_gone(next_))


def forget(lake: Path, *, dry_run: bool) -> int:
    """Take the generations off the list that are none any more, since a segment is gone; how many.

    Each publication lists one, and each reads the list. Whoever has read it before commits after it in vain.
    """
    while True:
        snapshot = tables.read(lake / names.GENERATIONS_TABLE)
        listed = list(map(_generation, snapshot.rows))
        left = lasting(listed, read_discarded(lake))
        going = len(listed) - len(left)
        if snapshot.table is None or going == 0 or dry_run:
            return going
        rows, number = list(map(_row, left)), snapshot.table.version() + 1
        if tables.replace(snapshot, _SCHEMA, rows, application="forget", number=number):
            return going


def successor(
    generations: Sequence[Generation],
    view: str,
    definition: str,
    edit: Edit,
    *,
    now: Instant,
    discarded: Collection[str] = (),
) -> Generation | Discarded:
    """What the edit makes of all that a snapshot lists, of any view; pure. `discarded` are segments that are gone."""
    of_view = sorted((each for each in generations if each.view == view), key=lambda each: each.number)
    there = standing(of_view, discarded)
    before = next((each for each in reversed(there) if each.definition == definition), None)
    reason = misfit(edit, before)
    if reason is not None:
        return Discarded(reason)
    segments = edited(edit, before)
    next_ = Generation(
        view=view,
        definition=definition,
        number=1 + max((each.number for each in of_view), default=0),
        boundary=boundary_of(segments),
        segments=segments,
        published_at=now,
        edit=type(edit).__name__.lower(),
        imports=imports_of(edit, before),
    )
    return next_ if standing([next_], discarded) else Discarded(_gone(next_))


def _gone(generation: Generation) -> str:
    return f"a segment of generation {generation.number} was discarded, since for long nothing referenced it"


def _generation(row: Mapping[str, Any]) -> Generation:
    segments = tuple(Segment(each["id"], each["start"], each["end"]) for each in row["segments"])
    return Generation(
        row["view"],
        row["definition"],
        row["number"],
        Instant(row["boundary"]),
        segments,
        Instant(row["published_at"]),
        row["edit"],
        row["imports"],
    )


def _row(generation: Generation) -> dict[str, Any]:
    return {
        "view": generation.view,
        "definition": generation.definition,
        "number": generation.number,
        "boundary": generation.boundary,
        "published_at": generation.published_at,
        "edit": generation.edit,
        "segments": [{"id": each.id, "start": each.start, "end": each.end} for each in generation.segments],
        "imports": generation.imports,
    }
