"""What watches of models found: a row for each, whether or not anything was found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds

from schemas.core import names
from schemas.core.instants import Instant
from schemas.lake import tables

BEHIND: Final = "behind"
LAST_GOOD: Final = "last_good"
INCOMPLETE: Final = "incomplete"
UNEXPLAINED: Final = "unexplained"
CAUSES: Final = (BEHIND, LAST_GOOD, INCOMPLETE, UNEXPLAINED)
"""Why a feature that was served differs from what batch computes for the same instant, in the order of asking:
an event of the entity was not claimed yet, the request fell back to last good features, the proof said that it was
incomplete, or nothing known."""

_SCHEMA: Final = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("run", pa.string(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("version", pa.string(), nullable=False),
        pa.field("definition", pa.string(), nullable=False),
        pa.field("at", pa.int64(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("labels", pa.int64(), nullable=False),
        pa.field("found", pa.string(), nullable=False),
    ]
)
_NESTED: Final = ("drift", "quality", "recent", "coverage", "skew", "reasons", "held_back", "note")


@dataclass(frozen=True)
class Drift:
    """How far a column lies from what was learnt: stability index, divergence in bits, and its shares of nulls."""

    psi: float
    js: float
    nulls: float
    learnt_nulls: float


@dataclass(frozen=True)
class Outcomes:
    """What turned out for rows that a version scored on features; `day` begins the UTC day, None is the window.

    `auc` is None where all labels are alike.
    """

    version: str
    day: Instant | None
    rows: int
    positives: int
    auc: float | None
    log_loss: float
    calibration: float

    @property
    def base_rate(self) -> float:
        """The share of them that is true."""
        return self.positives / self.rows


@dataclass(frozen=True)
class Coverage:
    """Predictions whose horizon has passed: how many have an outcome, and how many lack the label's key for one."""

    passed: int
    told: int
    without_key: int

    @property
    def share(self) -> float | None:
        """Of those that have passed; None where there are none."""
        return self.told / self.passed if self.passed else None


@dataclass(frozen=True)
class Skew:
    """Features of one ask as served, held against batch: rows and cells compared, and by cause how many differ.

    `examples` are some of them as plain JSON: `prediction`, `at`, `feature`, `served`, `computed` and `cause`.
    """

    rows: int
    cells: int
    differing: Mapping[str, int]
    examples: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Reason:
    """One of `drift`, `quality`, `labels`, and in words why it asks for training again."""

    kind: str
    told: str


@dataclass(frozen=True)
class Watched:
    """One watch over predictions and outcomes since `start`; `version` is the champion, empty where there is none.

    `run` names the scheduled run that watched, and is empty where a person did, whose watch asks for nothing. `rows` of
    the champion on features are what drift was measured on, `labels` what turned out since the last training. `reasons`
    hold now; `held_back` says of a kind of them why it asks for nothing. `note` is what kept from judging.
    """

    run: str
    model: str
    version: str
    definition: str
    at: Instant
    start: Instant
    rows: int
    labels: int
    drift: Mapping[str, Drift]
    quality: tuple[Outcomes, ...]
    recent: tuple[Outcomes, ...]
    coverage: Coverage
    skew: Mapping[str, Skew]
    reasons: tuple[Reason, ...]
    held_back: Mapping[str, str]
    note: str

    @property
    def asking(self) -> tuple[Reason, ...]:
        """Why to train again now."""
        return tuple(each for each in self.reasons if each.kind not in self.held_back)


def append_watch(lake: Path, done: Watched) -> None:
    """List what a watch found."""
    encoded = asdict(done)
    found = json.dumps({name: encoded.pop(name) for name in _NESTED}, sort_keys=True, allow_nan=False)
    tables.append_numbered(lake / names.WATCHES_TABLE, _SCHEMA, {**encoded, "found": found})


def read_watches(lake: Path, *, since: Instant) -> list[Watched]:
    """Those of all models from an instant on, oldest first."""
    return [_decoded(row) for row in tables.numbered(lake / names.WATCHES_TABLE, ds.field("at") >= since)]


def _decoded(row: Mapping[str, Any]) -> Watched:
    found = json.loads(row["found"])
    return Watched(
        run=row["run"],
        model=row["model"],
        version=row["version"],
        definition=row["definition"],
        at=Instant(row["at"]),
        start=Instant(row["start"]),
        rows=row["rows"],
        labels=row["labels"],
        drift={name: Drift(**each) for name, each in found["drift"].items()},
        quality=tuple(Outcomes(**each) for each in found["quality"]),
        recent=tuple(Outcomes(**each) for each in found["recent"]),
        coverage=Coverage(**found["coverage"]),
        skew={name: Skew(**{**each, "examples": tuple(each["examples"])}) for name, each in found["skew"].items()},
        reasons=tuple(Reason(**each) for each in found["reasons"]),
        held_back=found["held_back"],
        note=found["note"],
    )
