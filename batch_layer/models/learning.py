"""Estimators behind one interface: rows of numbers and labels in, something that scores and is kept as text out."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from batch_layer.models.examples import Floats
from schemas.core.artifacts import LOGISTIC, TREES
from schemas.core.errors import BadValue, UnknownName
from schemas.core.estimators import Estimator
from schemas.core.logistic import Logistic, decode_logistic

# Read as OpenMP is loaded. Threads that wait for each other would spin, and beside a busy stack each would take its
# processor from the one that it waits for.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import lightgbm
from sklearn.linear_model import LogisticRegression

Scorer = Callable[[Floats], Floats]


class Fitted(Protocol):
    """What was learnt."""

    @property
    def format(self) -> str:
        """Which reader its text is for."""

    @property
    def text(self) -> str:
        """All of it; data that is parsed, never code."""

    def scorer(self) -> Scorer:
        """What gives the probability for each row, made ready once."""

    def scores(self, numbers: Floats) -> Floats:
        """The same, at once."""

    def importance(self) -> Floats:
        """How much each column matters, in units of the estimator's own."""


@dataclass(frozen=True)
class Trees:
    """LightGBM's trees, in its native text format."""

    text: str
    format: str = TREES

    def scorer(self) -> Scorer:
        booster = self._booster()
        return lambda numbers: np.asarray(booster.predict(numbers, num_threads=1), dtype=np.float64)

    def scores(self, numbers: Floats) -> Floats:
        return self.scorer()(numbers)

    def importance(self) -> Floats:
        return np.asarray(self._booster().feature_importance("gain"), dtype=np.float64)

    def _booster(self) -> Any:
        return lightgbm.Booster(model_str=self.text)


@dataclass(frozen=True)
class Line:
    """Logistic regression, as JSON."""

    fitted: Logistic
    format: str = LOGISTIC

    @property
    def text(self) -> str:
        return self.fitted.encode()

    def scorer(self) -> Scorer:
        return self.scores

    def scores(self, numbers: Floats) -> Floats:
        return np.array([self.fitted.score(row) for row in numbers.tolist()])

    def importance(self) -> Floats:
        found: Floats = np.abs(np.array(self.fitted.weights))
        return found


def fit(
    estimator: Estimator, numbers: Floats, labels: Floats, *, columns: Sequence[str], categorical: Sequence[int]
) -> Fitted:
    """Learn; the same rows and parameters give the same text, on any number of cores."""
    match estimator.name:
        case "lightgbm":
            return _fit_trees(estimator, numbers, labels, columns, categorical)
        case "logistic":
            return _fit_line(estimator, numbers, labels, categorical)
    raise UnknownName("estimator", estimator.name, ("lightgbm", "logistic"))


def read_fitted(format_: str, text: str) -> Fitted:
    """What was kept as text; raises BadValue for a format that is not known. Check the text's hash first."""
    match format_:
        case "lightgbm-text":
            return Trees(text)
        case "logistic-json":
            return Line(decode_logistic(text))
    raise BadValue(f"format `{format_}` of a model is unknown; available: `{TREES}`, `{LOGISTIC}`")


def _fit_trees(
    estimator: Estimator, numbers: Floats, labels: Floats, columns: Sequence[str], categorical: Sequence[int]
) -> Trees:
    parameters = {
        "seed": 0,
        **dict(estimator.parameters),
        "objective": "binary",
        "deterministic": True,
        "force_row_wise": True,  # else it measures which way is faster, and sums in another order
        "verbosity": -1,
    }
    rounds = int(parameters.pop("num_iterations", 100))
    data = lightgbm.Dataset(numbers, labels, feature_name=list(columns), categorical_feature=list(categorical))
    return Trees(lightgbm.train(parameters, data, num_boost_round=rounds).model_to_string())


def _fit_line(estimator: Estimator, numbers: Floats, labels: Floats, categorical: Sequence[int]) -> Line:
    kept = numbers.copy()
    kept[:, list(categorical)] = np.nan  # a category's number is no measure
    there = ~np.isnan(kept)
    count = np.maximum(there.sum(axis=0), 1)
    means = np.where(there, kept, 0.0).sum(axis=0) / count
    spread = np.sqrt((np.where(there, kept - means, 0.0) ** 2).sum(axis=0) / count)
    scales = np.where(spread > 0, spread, 1.0)
    standard = np.where(there, (kept - means) / scales, 0.0)
    penalty = float(dict(estimator.parameters).get("l2", 0.0)) * len(labels)
    solver = LogisticRegression(C=1 / penalty if penalty else np.inf, max_iter=1_000, tol=1e-8)
    solver.fit(standard, labels)
    plain = [tuple(map(float, each)) for each in (means, scales, solver.coef_[0])]
    return Line(Logistic(plain[0], plain[1], plain[2], float(solver.intercept_[0])))
