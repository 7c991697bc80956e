"""The imports that raw holds: a generation that was built before the newest answers without it, and has to say so."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow as pa

from schemas.core import names
from schemas.core.instants import Instant
from schemas.lake import tables

_SCHEMA: Final = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("event", pa.string(), nullable=False),
        pa.field("import_id", pa.string(), nullable=False),
        pa.field("records", pa.int64(), nullable=False),
        pa.field("imported_at", pa.int64(), nullable=False),
    ]
)


def read_imports(lake: Path) -> dict[str, int]:
    """By event, how many imported records raw holds; what is absent has none."""
    found: dict[str, int] = {}
    for row in tables.read(lake / names.IMPORTS_TABLE).rows:
        found[row["event"]] = max(int(row["records"]), found.get(row["event"], 0))
    return found


def append_import(lake: Path, event: str, import_id: str, *, records: int, now: Instant) -> None:
    """List an import that raw holds; `records` are those of all imports of the event. Again changes nothing."""
    while True:
        snapshot = tables.read(lake / names.IMPORTS_TABLE)
        if any((row["event"], row["import_id"]) == (event, import_id) for row in snapshot.rows):
            return
        number = snapshot.next_number
        row = {"number": number, "event": event, "import_id": import_id, "records": records, "imported_at": now}
        if tables.append(snapshot, _SCHEMA, row, application="imports", number=number):
            return
