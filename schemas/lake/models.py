"""Which models are applied: what is trained, and later scored, whatever the files of a domain say by then."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from schemas.core import names
from schemas.core.codec import decode_model, encode_model, model_of
from schemas.core.instants import Instant
from schemas.core.models import Model
from schemas.lake import tables

_SCHEMA: Final = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("definition", pa.string(), nullable=False),
        pa.field("removed", pa.bool_(), nullable=False),
        pa.field("encoded", pa.string(), nullable=False),
        pa.field("applied_at", pa.int64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class AppliedModel:
    """The latest apply of one model."""

    model: Model
    definition: str
    applied_at: Instant


def read_models(lake: Path) -> dict[str, AppliedModel]:
    """What is wanted now, by name."""
    rows = tables.numbered(lake / names.MODELS_TABLE)
    latest = {row["model"]: row for row in rows}
    return {
        name: AppliedModel(decode_model(json.loads(row["encoded"])), row["definition"], Instant(row["applied_at"]))
        for name, row in sorted(latest.items())
        if not row["removed"]
    }


def append_model(lake: Path, model: Model, *, now: Instant, removed: bool = False) -> None:
    """Record that this definition of the model is wanted from now on, or that the model is not wanted any more."""
    row = {
        "model": model.name,
        "definition": model_of(model),
        "removed": removed,
        "encoded": json.dumps(encode_model(model), sort_keys=True),
        "applied_at": now,
    }
    tables.append_numbered(lake / names.MODELS_TABLE, _SCHEMA, row)
