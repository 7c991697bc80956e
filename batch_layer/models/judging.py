"""How good scores are: AUC, log loss, calibration, by slice; and whether one model beats another beyond noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from batch_layer.models.examples import Floats

BINS: Final = 10
_LEAST: Final = 1e-12
"""Scores are kept this far from 0 and 1, so that one certain mistake is not infinitely bad."""


@dataclass(frozen=True)
class Quality:
    """Of some scored rows; `auc` is None where all labels are alike. `calibration` is the expected error."""

    rows: int
    positives: int
    auc: float | None
    log_loss: float
    calibration: float


@dataclass(frozen=True)
class Gain:
    """By how much a metric is better, and the interval that holds 95 % of resampled gains."""

    measured: float
    low: float
    high: float


def quality(scores: Floats, labels: Floats) -> Quality:
    """All measures; of one row or more."""
    return Quality(
        len(labels),
        int(labels.sum()),
        auc(scores, labels),
        -float(_likelihoods(scores, labels).mean()),
        calibration_error(scores, labels),
    )


def auc(scores: Floats, labels: Floats, weights: Floats | None = None) -> float | None:
    """The share of pairs of a true and a false row in which the true one scores higher; a tie is half."""
    order = np.argsort(scores, kind="stable")
    return _auc(scores[order], labels[order], np.ones(len(labels)) if weights is None else weights[order])


def calibration_error(scores: Floats, labels: Floats) -> float:
    """The mean distance between score and share of true rows, over `BINS` bins of equally many rows."""
    return sum(abs(each.score - each.share) * each.rows / len(labels) for each in reliability(scores, labels))


@dataclass(frozen=True)
class Bin:
    """Rows of neighbouring scores: their mean score and the share of them that is true."""

    rows: int
    score: float
    share: float


def reliability(scores: Floats, labels: Floats) -> list[Bin]:
    """The bins of a calibration curve, by score."""
    order = np.argsort(scores, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    return [Bin(len(part), float(scores[part].mean()), float(labels[part].mean())) for part in parts]


def by_slice(scores: Floats, labels: Floats, slices: Mapping[str, npt.NDArray[np.bool_]]) -> dict[str, Quality]:
    """The quality of each slice."""
    return {name: quality(scores[rows], labels[rows]) for name, rows in slices.items()}


def paired_gain(
    metric: str, challenger: Floats, champion: Floats, labels: Floats, *, seed: int, resamples: int = 1_000
) -> Gain:
    """What the challenger gains on the same rows, by `resamples` draws of them with replacement.

    Rows are drawn for both at once, so what makes a row hard for both makes no difference. A draw with labels all
    alike gains nothing in AUC.
    """
    measure = _auc_gain if metric == "auc" else _loss_gain
    gain = measure(challenger, champion, labels)
    draw, size = np.random.default_rng(seed), len(labels)
    drawn = [gain(draw.multinomial(size, np.full(size, 1 / size)).astype(np.float64)) for _ in range(resamples)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Gain(gain(np.ones(size)), float(low), float(high))


def _auc_gain(challenger: Floats, champion: Floats, labels: Floats) -> Callable[[Floats], float]:
    orders = [np.argsort(scores, kind="stable") for scores in (challenger, champion)]
    ordered = [
        (scores[order], labels[order], order) for scores, order in zip((challenger, champion), orders, strict=True)
    ]

    def gain(weights: Floats) -> float:
        new, old = (_auc(scores, true, weights[order]) for scores, true, order in ordered)
        return 0.0 if new is None or old is None else new - old

    return gain


def _loss_gain(challenger: Floats, champion: Floats, labels: Floats) -> Callable[[Floats], float]:
    better = _likelihoods(challenger, labels) - _likelihoods(champion, labels)
    return lambda weights: float((better * weights).sum() / weights.sum())


def _auc(scores: Floats, labels: Floats, weights: Floats) -> float | None:
    """Of rows in order of score."""
    true, false = weights * labels, weights * (1 - labels)
    pairs = true.sum() * false.sum()
    if not pairs:
        return None
    starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
    tied_true, tied_false = np.add.reduceat(true, starts), np.add.reduceat(false, starts)
    below = np.cumsum(tied_false) - tied_false
    return float((tied_true * (below + tied_false / 2)).sum() / pairs)


def _likelihoods(scores: Floats, labels: Floats) -> Floats:
    """The logarithm of the probability that each row was given for what it was."""
    sure = np.clip(np.where(labels > 0, scores, 1 - scores), _LEAST, 1.0)
    found: Floats = np.log(sure)
    return found
