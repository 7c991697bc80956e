"""What was counted of an event under a contract: a row an interval of availability, without gap or overlap.

[-inf ── merged ──)[── tally ──)[── tally ──)[── the next one begins here

A table a contract, replaced by every commit. A row for each run that ever was would be read by every run; so all but
the newest are merged, and the sums stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from schemas.core import names
from schemas.core.instants import Instant
from schemas.lake import tables

KEPT: Final = 32
"""Intervals that stay by themselves. A run that ends after so many newer ones counts all from the start."""

_COUNTS: Final = ("received", "valid", "duplicate", "quarantined", "stray", "beyond_horizon")

_SCHEMA: Final = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("table", pa.string(), nullable=False),
        pa.field("application", pa.string(), nullable=False),
        pa.field("start", pa.int64()),
        pa.field("end", pa.int64(), nullable=False),
        *(pa.field(name, pa.int64(), nullable=False) for name in _COUNTS),
    ]
)


@dataclass(frozen=True)
class Counts:
    """Records of an interval: `received` are distinct coordinates without ticks, whose least instant lies in it.

    `valid` count; `duplicate` are copies within the horizon. `stray` and `beyond_horizon` are parts of `valid`: those
    whose id counted in another partition less than two horizons before, and those that follow a copy in their own by
    the horizon or more, and less than two. So a record is told by the two horizons before it alone, and the counts of
    intervals add up however history is cut.
    """

    received: int = 0
    valid: int = 0
    duplicate: int = 0
    quarantined: int = 0
    stray: int = 0
    beyond_horizon: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in _COUNTS))

    @property
    def holds(self) -> bool:
        """Whether nothing was lost and nothing doubled."""
        return self.received == self.valid + self.duplicate + self.quarantined


@dataclass(frozen=True)
class Judging:
    """What was counted: the tables of a contract, as one application judged them.

    `table` is the id that the valid table was created with, so that nothing which was counted of a table that is gone
    is taken for the one that came after it.
    """

    event: str
    contract: str
    table: str
    application: str


@dataclass(frozen=True)
class Tally:
    """The counts of `[start, end)`; None is from the first record on."""

    start: Instant | None
    end: Instant
    counts: Counts


def read_tallies(lake: Path, of: Judging) -> list[Tally]:
    """In order; each starts where the one before it ends, and the first from the first record on."""
    return _tallies(tables.read(_path(lake, of)), of)


def total(tallies: Sequence[Tally]) -> Counts:
    """The counts of all of them."""
    return reduce(add, (each.counts for each in tallies), Counts())


def append_tally(lake: Path, of: Judging, tally: Tally) -> bool:
    """List what goes on where the last one ends; False, and nothing is listed, where another run was first.

    Whatever was listed of other tables or applications is forgotten.
    """
    while True:
        snapshot = tables.read(_path(lake, of))
        listed = _tallies(snapshot, of)
        if (listed[-1].end if listed else None) != tally.start:
            return False
        if _replace(snapshot, of, [*_merged(listed), tally]):
            return True


def forget_tallies(lake: Path, of: Judging) -> None:
    """Forget all of them, so that what is counted next is counted from the first record on."""
    while True:
        snapshot = tables.read(_path(lake, of))
        if not snapshot.rows or _replace(snapshot, of, []):
            return


def _path(lake: Path, of: Judging) -> Path:
    return lake / names.tallies_table(of.event, of.contract)


def _merged(listed: Sequence[Tally]) -> list[Tally]:
    """So many that there are `KEPT` with the next."""
    old, new = listed[: 1 - KEPT], listed[1 - KEPT :]
    return [Tally(None, old[-1].end, total(old)), *new] if old else list(new)


def _tallies(snapshot: tables.Snapshot, of: Judging) -> list[Tally]:
    rows = [row for row in snapshot.rows if (row["table"], row["application"]) == (of.table, of.application)]
    return sorted(map(_tally, rows), key=lambda each: each.end)


def _replace(snapshot: tables.Snapshot, of: Judging, tallies: Sequence[Tally]) -> bool:
    number = snapshot.next_number
    rows = [
        {
            "number": number,
            "table": of.table,
            "application": of.application,
            "start": each.start,
            "end": each.end,
            **vars(each.counts),
        }
        for each in tallies
    ]
    return tables.replace(snapshot, _SCHEMA, rows, application="tallies", number=number)


def _tally(row: Mapping[str, Any]) -> Tally:
    start = None if row["start"] is None else Instant(row["start"])
    return Tally(start, Instant(row["end"]), Counts(*(row[name] for name in _COUNTS)))
