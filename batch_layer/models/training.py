"""Learning from a training set: older rows teach, the newest judge, and a plain model stands beside.

├──────────── learnt from ───────────┤← within →├──────── judged by ────────┤
the labels of what is learnt from were all known before the first row that judges
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batch_layer.models.distributions import Distribution, distributions_of
from batch_layer.models.examples import Examples, Floats, learn_signature, numbers, read_examples, slices
from batch_layer.models.influence import influenced
from batch_layer.models.judging import Quality, by_slice, quality
from batch_layer.models.learning import Fitted, fit
from schemas.core.errors import RefusedError
from schemas.core.estimators import Estimator
from schemas.core.instants import Instant, format_instant
from schemas.core.models import Model
from schemas.core.signatures import Signature
from schemas.lake.training_sets import TrainingSet, training_sets

LEAST_OF_SLICE = 200
"""Rows below which a slice says nothing."""
_LEAST = 200


@dataclass(frozen=True)
class Learnt:
    """A fitted model with the columns that it reads, and what it scores the rows that judge."""

    signature: Signature
    fitted: Fitted
    scores: Floats
    quality: Quality
    slices: Mapping[str, Mapping[str, Quality]]


@dataclass(frozen=True)
class Trained:
    """A model and its baseline; `until` is before all that either has learnt from, labels among it.

    `distributions` are of the inputs that were learnt from, and of the scores of the rows that judge; `influenced` is
    the share of the rows learnt from whose label a decision of the model may have changed.
    """

    listed: TrainingSet
    learnt_rows: int
    until: Instant
    judged: Examples
    model: Learnt
    baseline: Learnt
    distributions: Mapping[str, Distribution]
    influenced: float


def newest_set(lake: Path, model: str, rows_of: str) -> TrainingSet:
    """The newest training set of these rows; raises RefusedError where there is none."""
    found = [each for each in training_sets(lake, model) if each.rows_of == rows_of]
    if not found:
        raise RefusedError(
            f"model `{model}` has no training set of its definition; write one with `tideline training-set {model}`"
        )
    return found[-1]


def train(lake: Path, model: Model, listed: TrainingSet) -> Trained:
    """Learn from all but the newest window of the gates. The same set and definition give the same scores.

    Raises RefusedError where too few rows are labelled, or all alike.
    """
    examples = read_examples(lake, listed)
    until = Instant(listed.end - model.gates.window)
    learning = examples.between(None, Instant(until - model.label.within + 1))
    judged = examples.between(until, None)
    for what, some in (("learn from", learning), ("judge by", judged)):
        if len(some) < _LEAST or some.labels.min() == some.labels.max():
            raise RefusedError(
                f"model `{model.name}` has {len(some):,} labelled rows to {what}, {int(some.labels.sum()):,} of them "
                f"true, parted at {format_instant(until)}; it needs {_LEAST} and both kinds; write a longer set"
            )
    learnt = _learnt(model, model.estimator, [each.name for each in model.inputs], learning, judged)
    plain = _learnt(model, Estimator("logistic", ()), [model.baseline], learning, judged)
    at = learning.rows["available_at"].to_numpy()
    return Trained(
        listed,
        len(learning),
        until,
        judged,
        learnt,
        plain,
        distributions_of(learnt.signature.columns, learning.rows, at, learnt.scores),
        influenced(lake, model, learning.rows),
    )


def _learnt(model: Model, estimator: Estimator, columns: list[str], learning: Examples, judged: Examples) -> Learnt:
    signature = learn_signature([each for each in model.inputs if each.name in columns], learning)
    fitted = fit(
        estimator,
        numbers(signature, learning),
        learning.labels,
        columns=columns,
        categorical=signature.categorical,
    )
    scores = fitted.scores(numbers(signature, judged))
    sliced = {
        field: by_slice(scores, judged.labels, slices(judged, field, LEAST_OF_SLICE)) for field in model.gates.slices
    }
    return Learnt(signature, fitted, scores, quality(scores, judged.labels), sliced)
