"""Quality from hundredths, against measures of the single outcomes that are computed by other means."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest

from batch_layer.models import judging
from schemas.core.feedback import BUCKETS, bucket_of
from serving_layer.models.quality import Hundredth, calibration_distance, merged

Outcome = tuple[float, bool]


def hundredths(outcomes: list[Outcome], predictions: int = 0) -> list[Hundredth]:
    found = []
    for bucket in range(BUCKETS):
        own = [(score, label) for score, label in outcomes if bucket_of(score) == bucket]
        losses = [-math.log(score if label else 1 - score) for score, label in own]
        means = [sum(each) / len(own) if own else 0.0 for each in ([score for score, _ in own], losses)]
        more = predictions if bucket == 0 else 0
        found.append(Hundredth(more, more // 2, len(own), sum(label for _, label in own), *means))
    return found


def drawn(seed: int, count: int) -> list[Outcome]:
    draw = Random(seed)
    return [(score := draw.uniform(0.01, 0.99), draw.random() < score**2) for _ in range(count)]


@pytest.mark.parametrize(("seed", "count"), [(1, 2), (2, 9), (3, 10), (4, 57), (5, 1_000)])
def test_measures_are_those_of_the_single_outcomes(seed: int, count: int) -> None:
    outcomes = drawn(seed, count)
    found = merged(hundredths(outcomes, predictions=2 * count))
    scores, labels = (np.array(each, dtype=float) for each in zip(*outcomes, strict=True))
    known = judging.quality(scores, labels)
    assert (found.predictions, found.fallbacks, found.outcomes) == (2 * count, count, count)
    assert (found.positives, found.coverage) == (known.positives, 0.5)
    assert found.log_loss == pytest.approx(known.log_loss, rel=1e-9)
    assert found.mean_score == pytest.approx(scores.mean())
    assert found.positive_share == pytest.approx(labels.mean())
    # Of a pair within one hundredth nothing is known: half.
    pairs = [
        0.5 if bucket_of(true) == bucket_of(false) else float(true > false)
        for true, said in outcomes
        for false, other in outcomes
        if said and not other
    ]
    assert found.auc == (pytest.approx(sum(pairs) / len(pairs)) if pairs else None)
    assert found.calibration_error == pytest.approx(known.calibration, abs=0.1)


# True and false outcomes never share a hundredth, and all of one have one score: then bins are those of batch.
@pytest.mark.parametrize("count", [1, 7, 10, 11, 95, 300])
def test_calibration_is_what_batch_calls_so(count: int) -> None:
    draw = Random(count)
    outcomes = [((bucket + 0.5) / 100, bucket % 3 == 0) for bucket in (draw.randrange(100) for _ in range(count))]
    scores, labels = (np.array(each, dtype=float) for each in zip(*outcomes, strict=True))
    found = merged(hundredths(outcomes)).calibration_error
    assert found == pytest.approx(judging.calibration_error(scores, labels), abs=1e-12)


def test_a_hundredth_across_the_edge_of_a_bin_gives_to_both_in_proportion() -> None:
    # 20 outcomes, bins of two: the three of the first hundredth fill the first bin and half of the second.
    first, second = Hundredth(0, 0, 3, 1, 0.1, 0.0), Hundredth(0, 0, 17, 17, 0.9, 0.0)
    first_gap, second_gap = 0.1 - 1 / 3, 0.9 - 1
    assert calibration_distance([first, second]) == pytest.approx(
        abs(2 * first_gap) + abs(first_gap + second_gap) + 8 * abs(2 * second_gap)
    )


def test_what_no_outcomes_can_say_is_not_said() -> None:
    found = merged(hundredths([], predictions=4))
    assert (found.coverage, found.auc, found.log_loss, found.calibration_error, found.mean_score) == (0.0, *[None] * 4)
    assert merged(hundredths([])).coverage is None
    assert merged(hundredths([(0.5, True), (0.7, True)])).auc is None
