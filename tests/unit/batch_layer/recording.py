"""Valid tables written by hand: predictions and outcomes as a run that judged them leaves them."""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from batch_layer.tables import judged_application, judged_version, valid_table
from schemas.core import names
from schemas.core.events import Event
from schemas.core.instants import Instant
from schemas.lake.tables import data_of

SCORED: Final[dict[str, Any]] = {
    "bucket": 50,
    "model_version": "1",
    "source": "champion",
    "score": 0.5,
    "decision": True,
    "definition": "another",
    "proofs": "{}",
}


def write_valid(lake: Path, event: Event, rows: Iterable[Mapping[str, Any]], until: Instant) -> None:
    """Rows judged up to `until`; what is left out is null, counts, and has its place as its identity."""
    opened = DeltaTable(str(valid_table(lake, event)))
    schema = data_of(opened).schema
    whole = [
        {
            "event_id": f"{place}",
            "available_at": row["event_time"] + 5,
            names.PARTITION: 0,
            names.OFFSET: place,
            names.COUNTED: True,
            **row,
        }
        for place, row in enumerate(rows)
    ]
    under = Transaction(judged_application(lake, event), judged_version(until))
    data = pa.Table.from_pylist(whole, schema=schema)
    write_deltalake(opened, data, mode="append", commit_properties=CommitProperties(app_transactions=[under]))


def units(number: int, scale: int = 2) -> decimal.Decimal:
    """A decimal as it is stored."""
    return decimal.Decimal(number).scaleb(-scale)
