"""How far a join has come: what is committed with its state, in one record a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from schemas.core.codec import contract_of, training_set_of
from schemas.core.feedback import outcome_of, prediction_of
from schemas.core.instants import Instant
from schemas.core.models import Model
from serving_layer.environment import Environment, TornEnvironment

JOINS: Final = b"join "
OUTCOMES: Final = "outcomes"
"""The folder of the state, under that of the store."""
Place = tuple[str, int]
"""A topic and a partition."""


class Records(Protocol):
    """The part of a transaction that is used: values of JSON under names."""

    def record(self, name: bytes, default: Any = None) -> Any:
        """A record, or `default` where there is none."""

    def put_record(self, name: bytes, value: Any) -> None:
        """Replace a record; None removes it."""


@dataclass
class Progress:
    """Of one model's join. `meaning` is the hash of what is joined, and how.

    `offsets` are next by place, `clocks` the running maxima of append times. Of the topic of outcomes, this join knows
    what lies below the offsets. `counts` are by what came of predictions.
    """

    meaning: str
    offsets: dict[Place, int] = field(default_factory=dict)
    clocks: dict[Place, Instant] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)


def meaning_of(model: Model) -> str:
    """The hash of what decides outcomes."""
    return " ".join((contract_of(prediction_of(model)), contract_of(outcome_of(model)), training_set_of(model)))


def read_progress(records: Records, model: str) -> Progress | None:
    """What a model's join has committed."""
    found = records.record(JOINS + model.encode())
    if found is None:
        return None
    return Progress(
        found["meaning"],
        {(topic, partition): offset for topic, partition, offset in found["offsets"]},
        {(topic, partition): Instant(clock) for topic, partition, clock in found["clocks"]},
        Counter(found["counts"]),
    )


def put_progress(records: Records, model: str, progress: Progress) -> None:
    """Leave it with what was done."""
    records.put_record(
        JOINS + model.encode(),
        {
            "meaning": progress.meaning,
            "offsets": [[*place, offset] for place, offset in sorted(progress.offsets.items())],
            "clocks": [[*place, clock] for place, clock in sorted(progress.clocks.items())],
            "counts": dict(sorted(progress.counts.items())),
        },
    )


def read_counts(store: Path) -> Mapping[str, Mapping[str, int]]:
    """By model, what came of its predictions since the state was made; nothing where there is none."""
    path = store / OUTCOMES / "lmdb"
    if not (path / "data.mdb").exists():
        return {}
    try:
        environment = Environment(path, readonly=True)
    except TornEnvironment:
        return {}  # the joiner makes it anew, and says so
    transaction = environment.read()
    found = {name.decode(): each["counts"] for name, each in transaction.records(JOINS).items()}
    transaction.close()
    environment.close()
    return found
