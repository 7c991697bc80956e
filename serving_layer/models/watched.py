"""What the newest watch of each model found, brought from the lake to where a scrape reads it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from schemas.core.instants import Instant
from schemas.lake.watches import Watched, read_watches
from serving_layer.environment import Environment, Transaction

WATCHES: Final = b"watches"
EVERY: Final = 10.0
"""Seconds between looks into the lake: a watch comes every hour."""


@dataclass(frozen=True)
class Watch:
    """Figures of one watch: stability index by column, share of predictions with an outcome, skewed cells by cause."""

    version: str
    at: Instant
    drift: Mapping[str, float]
    coverage: float | None
    skew: Mapping[str, int]


class Watches:
    """Keeps the record of an environment as new as the lake; `elapsed` is a monotonic clock in seconds."""

    def __init__(self, environment: Environment, lake: Path, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._environment, self._lake, self._elapsed = environment, lake, elapsed
        self._looked = float("-inf")

    def step(self, models: Collection[str]) -> None:
        """Look, if it is time; of models that are not applied nothing is kept. Raises UnavailableError."""
        if self._elapsed() - self._looked < EVERY:
            return
        self._looked = self._elapsed()
        transaction = self._environment.read()
        known = watches_of(transaction)
        transaction.close()
        since = Instant(max((each.at for each in known.values()), default=0))
        found = {each.model: _figures(each) for each in read_watches(self._lake, since=since)}
        newest = {name: each for name, each in {**known, **found}.items() if name in models}
        if newest != known:
            with self._environment.write() as writing:
                writing.put_record(WATCHES, {name: asdict(each) for name, each in newest.items()})


def watches_of(transaction: Transaction) -> dict[str, Watch]:
    """By model."""
    record: Mapping[str, Any] = transaction.record(WATCHES, {})
    return {name: Watch(**each) for name, each in record.items()}


def _figures(watched: Watched) -> Watch:
    skew = Counter[str]()
    for each in watched.skew.values():
        skew.update(each.differing)
    drift = {name: each.psi for name, each in watched.drift.items()}
    return Watch(watched.version, watched.at, drift, watched.coverage.share, dict(skew))
