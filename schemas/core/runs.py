"""A run: one start of an event's stream job with empty state, and what it may claim to serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from schemas.core.generations import Generation
from schemas.core.instants import DAY, Duration, Instant

SPEED_RETENTION: Final = Duration(7 * DAY)
"""How long answers stay exact while batch does not publish: the epochs of a run are kept so long, a run lags by half
of it at most, and an event's topic keeps one horizon more."""


@dataclass(frozen=True)
class Run:
    """`run` is an id that is never used again; `version` the hash of all it runs; `start` the S of the design.

    `offsets` are where each partition of `topic` is first read; `topics` is the speed topic of each definition.
    """

    run: str
    event: str
    version: str
    start: Instant
    offsets: Mapping[int, int]
    topic: str
    topics: Mapping[str, str]
    created_at: Instant
    state: Literal["started", "stopped"]


def pairs_with(generation: Generation, run: Run) -> bool:
    """Whether a replica may serve the two together: the same definition, and no gap between them."""
    return generation.definition in run.topics and run.start <= generation.boundary
