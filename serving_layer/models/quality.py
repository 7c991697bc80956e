"""How good scores turned out to be, from the hundredths in which the two views of a model count them.

scores   by (version, hundredth)  predictions, fallbacks                     ─┐
quality  by (version, hundredth)  outcomes, positives, mean score and loss   ─┴▶ merged over the hundredths
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from schemas.core.feedback import BUCKETS, quality_of, scores_of
from schemas.core.instants import Instant
from schemas.core.models import Model
from schemas.core.types import Value
from serving_layer.models.served import ServedModel
from serving_layer.snapshot import Claim, Pair, Snapshot

BINS: Final = 10
_SCORES: Final = ("predictions", "fallbacks")
_QUALITY: Final = ("outcomes", "positives", "mean_score", "mean_loss")


class Hundredth(NamedTuple):
    """What is known of the scores in one hundredth; the means are of its outcomes, 0 where there are none."""

    predictions: int
    fallbacks: int
    outcomes: int
    positives: int
    mean_score: float
    mean_loss: float


@dataclass(frozen=True)
class Quality:
    """Of one version in one window; what cannot be said of no outcomes is None, `auc` of outcomes all alike too.

    Predictions are in the window by when they were made, outcomes by when they were known: `coverage`, outcomes by
    prediction, is above 1 while fewer are made than become known.
    """

    predictions: int
    fallbacks: int
    outcomes: int
    positives: int
    coverage: float | None
    auc: float | None
    log_loss: float | None
    calibration_error: float | None
    mean_score: float | None
    positive_share: float | None


@dataclass(frozen=True)
class ModelQuality:
    """Of all versions asked, of one instant and one snapshot."""

    as_of: Instant
    versions: Mapping[str, Quality]
    proofs: Mapping[str, tuple[Pair, Claim]]


def merged(hundredths: Sequence[Hundredth]) -> Quality:
    """The quality of all hundredths together, which are in order."""
    predictions = sum(each.predictions for each in hundredths)
    outcomes = sum(each.outcomes for each in hundredths)
    positives = sum(each.positives for each in hundredths)

    def mean(sum_: float) -> float | None:
        return sum_ / outcomes if outcomes else None

    return Quality(
        predictions=predictions,
        fallbacks=sum(each.fallbacks for each in hundredths),
        outcomes=outcomes,
        positives=positives,
        coverage=outcomes / predictions if predictions else None,
        auc=auc(hundredths),
        log_loss=mean(sum(each.mean_loss * each.outcomes for each in hundredths)),
        calibration_error=mean(calibration_distance(hundredths)),
        mean_score=mean(sum(each.mean_score * each.outcomes for each in hundredths)),
        positive_share=mean(positives),
    )


def auc(hundredths: Sequence[Hundredth]) -> float | None:
    """The share of pairs of a true and a false outcome whose true one has the higher hundredth; a tie is half."""
    below, pairs = 0, 0.0
    for each in hundredths:
        false = each.outcomes - each.positives
        pairs += each.positives * (below + false / 2)
        below += false
    true = sum(each.positives for each in hundredths)
    return pairs / (true * below) if true and below else None


def calibration_distance(hundredths: Sequence[Hundredth]) -> float:
    """The distance of score and share of true outcomes, summed over outcomes in `BINS` bins of equally many.

    A hundredth that lies across the edge of a bin gives to both sides in proportion.
    """
    total, bins = sum(each.outcomes for each in hundredths), iter(_parts(hundredths))
    distance = 0.0
    for number in range(BINS):
        left, gap = total // BINS + (number < total % BINS), 0.0
        while left:
            count, by_one = next(bins)
            taken = min(count, left)
            gap += taken * by_one
            left -= taken
            if taken < count:
                bins = _again((count - taken, by_one), bins)
        distance += abs(gap)
    return distance


def _parts(hundredths: Sequence[Hundredth]) -> Iterator[tuple[int, float]]:
    """Outcomes of each hundredth, and by how much the score of one is above the share of true ones."""
    return ((each.outcomes, each.mean_score - each.positives / each.outcomes) for each in hundredths if each.outcomes)


def _again(first: tuple[int, float], others: Iterator[tuple[int, float]]) -> Iterator[tuple[int, float]]:
    yield first
    yield from others


def _hundredth(values: Sequence[Any]) -> Hundredth:
    """Of answer values: only counts are 0 where nothing is counted, all else is null."""
    return Hundredth(*(each or 0 for each in values))


def pairs_of(snapshot: Snapshot, model: Model) -> tuple[Pair | None, Pair | None]:
    """What the two views are served from."""
    pairs = snapshot.pairs()
    return pairs.get(scores_of(model).name), pairs.get(quality_of(model).name)


def windows_of(scores: Pair, quality: Pair) -> tuple[str, ...]:
    """The windows in which both views count."""
    names = [{each.name for each in pair.view.features} for pair in (scores, quality)]
    ends = [each.name.removeprefix("outcomes_") for each in quality.view.features if each.name.startswith("outcomes_")]
    wanted = (_SCORES, _QUALITY)
    return tuple(
        end
        for end in ends
        if all({f"{name}_{end}" for name in some} <= known for some, known in zip(wanted, names, strict=True))
    )


def versions_of(served: ServedModel) -> tuple[str, ...]:
    """Those that are loaded, and the empty one of scores without a champion."""
    loaded = (each.number for each in (served.champion, served.challenger) if each is not None)
    return (*loaded, "")


def read_quality(
    snapshot: Snapshot, pairs: tuple[Pair, Pair], versions: Sequence[str], window: str, now: Instant
) -> ModelQuality:
    """The quality of each version in one of `windows_of`."""
    at = Instant(max(now, *(pair.boundary for pair in pairs)))
    asked: list[dict[str, Value]] = [
        {"model_version": version, "bucket": bucket} for version in versions for bucket in range(BUCKETS)
    ]
    found: list[list[list[Value]]] = [
        snapshot.lookup(
            pair.view.name,
            [tuple(each[field] for field in pair.view.by) for each in asked],
            at=at,
            features=[f"{name}_{window}" for name in names],
        )
        for pair, names in zip(pairs, (_SCORES, _QUALITY), strict=True)
    ]
    rows = [_hundredth([*scored, *known]) for scored, known in zip(*found, strict=True)]
    return ModelQuality(
        at,
        {version: merged(rows[BUCKETS * at_ : BUCKETS * (at_ + 1)]) for at_, version in enumerate(versions)},
        {pair.view.name: (pair, snapshot.claim(pair.view.name)) for pair in pairs},
    )
