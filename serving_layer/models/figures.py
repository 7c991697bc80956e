"""What scoring has done, as counters that a scrape reads."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from serving_layer.models.fitted import Floats

SCORE_BOUNDS: Final = tuple(round(0.05 * step, 2) for step in range(1, 21))
"""Upper bounds of the buckets of scores, each included."""


@dataclass
class Scores:
    """Scores by bucket of `SCORE_BOUNDS`, not cumulative, and their sum."""

    counts: list[int] = field(default_factory=lambda: [0] * (1 + len(SCORE_BOUNDS)))
    total: float = 0.0

    def add(self, scores: Iterable[float]) -> None:
        """Count scores."""
        for score in scores:
            self.counts[bisect_left(SCORE_BOUNDS, score)] += 1
            self.total += score


@dataclass
class ModelFigures:
    """By (model, version): what was scored; each part is written by one thread.

    `missing` is by (model, version, column) how often an input was no number, `unfit` by (model, field) how often a
    value was recorded as null, since the contract of predictions has no place for it.
    """

    predicted: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    decided: Counter[tuple[str, str]] = field(default_factory=Counter)
    recorded: Counter[tuple[str, str]] = field(default_factory=Counter)
    unrecorded: Counter[tuple[str, str]] = field(default_factory=Counter)
    unfit: Counter[tuple[str, str]] = field(default_factory=Counter)
    missing: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    scores: dict[tuple[str, str], Scores] = field(default_factory=dict)

    def score(self, model: str, version: str, scores: Iterable[float]) -> None:
        """Count the scores of a version."""
        known = self.scores.get((model, version))
        if known is None:
            known = self.scores[model, version] = Scores()
        known.add(scores)

    def input(self, model: str, version: str, columns: Sequence[str], numbers: Floats) -> None:
        """Count the inputs that were no numbers."""
        for column, count in zip(columns, np.isnan(numbers).sum(axis=0).tolist(), strict=True):
            if count:
                self.missing[model, version, column] += count
