"""What a request for scores came to, and where it is left for those who learn from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from schemas.core.instants import Duration, Instant
from schemas.core.types import Value
from serving_layer.models.served import ServedModel
from serving_layer.snapshot import Claim, Pair


class Source(StrEnum):
    """What answers where the merged features of now do not, in the order in which it is tried."""

    LAST_GOOD = "last_good"
    BASELINE = "baseline"
    PRIOR = "prior"


@dataclass(frozen=True)
class Fallback:
    """Why the champion did not score on the features of now; `age` is of the oldest last good features."""

    source: Source
    because: str
    age: Duration | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """One row's score. `row` as the core holds it; `features` those scored on, None where none were used."""

    id: str
    row: Mapping[str, Value]
    features: Mapping[str, Value] | None
    score: float
    decision: bool
    fallback: Fallback | None


@dataclass(frozen=True)
class Predictions:
    """All rows of one request, of one instant and one snapshot; `version` None where no champion is loaded.

    `definition` is the one that scored, which may not be the applied one: `served` has both.
    """

    served: ServedModel
    model: str
    version: str | None
    definition: str
    as_of: Instant
    predictions: Sequence[Prediction]
    proofs: Mapping[str, tuple[Pair, Claim]]


class Recorder(Protocol):
    """Where predictions are left before the response is sent."""

    async def record(self, predictions: Predictions) -> bool:
        """Whether all of them are recorded; whatever goes wrong is logged and False."""


class NoRecorder:
    """Records nothing, and says so."""

    async def record(self, predictions: Predictions) -> bool:  # noqa: ARG002 - as `Recorder` has it
        """False."""
        return False
