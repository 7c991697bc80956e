"""What reconciliations found: a row for each run and view, whether or not anything differed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from schemas.core import names
from schemas.core.instants import Instant
from schemas.lake import tables

_SCHEMA: Final = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("view", pa.string(), nullable=False),
        pa.field("definition", pa.string(), nullable=False),
        pa.field("at", pa.int64(), nullable=False),
        pa.field("through", pa.int64(), nullable=False),
        pa.field("rotation", pa.int64(), nullable=False),
        pa.field("entities", pa.int64(), nullable=False),
        pa.field("cells", pa.int64(), nullable=False),
        pa.field("differing", pa.int64(), nullable=False),
        pa.field("found", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Reconciliation:
    """One view in one run: `entities` of part `rotation` of its keys, as answered `through` a closed epoch.

    `found` names cells that differ, as plain JSON: `entity`, `feature`, `expected`, `answered` and `parts`, which are
    the segments and epochs that disagree with their records. It may name fewer than `differing`.
    """

    run: str
    view: str
    definition: str
    at: Instant
    through: Instant
    rotation: int
    entities: int
    cells: int
    differing: int
    found: tuple[Mapping[str, Any], ...]


def read_reconciliations(lake: Path) -> list[Reconciliation]:
    """All of them, oldest first."""
    return [_reconciliation(row) for row in tables.numbered(lake / names.RECONCILIATIONS_TABLE)]


def append_reconciliation(lake: Path, found: Reconciliation) -> Reconciliation:
    """List what a run found of a view; what it listed before, as a retry meets it, stays as it is and is given."""
    while True:
        snapshot = tables.read(lake / names.RECONCILIATIONS_TABLE)
        for row in snapshot.rows:
            if (row["run"], row["view"]) == (found.run, found.view):
                return _reconciliation(row)
        number = snapshot.next_number
        row = {**vars(found), "number": number, "found": json.dumps(found.found)}
        if tables.append(snapshot, _SCHEMA, row, application="reconciliations", number=number):
            return found


def _reconciliation(row: Mapping[str, Any]) -> Reconciliation:
    return Reconciliation(
        run=row["run"],
        view=row["view"],
        definition=row["definition"],
        at=Instant(row["at"]),
        through=Instant(row["through"]),
        rotation=row["rotation"],
        entities=row["entities"],
        cells=row["cells"],
        differing=row["differing"],
        found=tuple(json.loads(row["found"])),
    )
