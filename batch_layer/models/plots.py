"""Pictures of a trained model: ROC, calibration and what matters, beside its baseline."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure

from batch_layer.models.examples import Floats
from batch_layer.models.judging import reliability
from batch_layer.models.training import Learnt, Trained

_SHOWN = 25


def plots(trained: Trained) -> Iterator[tuple[str, Figure]]:
    """Each with the name of its file."""
    yield "roc.png", _roc(trained)
    yield "calibration.png", _calibration(trained)
    yield "importance.png", _importance(trained.model)


def _roc(trained: Trained) -> Figure:
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    for name, learnt in (("model", trained.model), ("baseline", trained.baseline)):
        false, true = _rates(learnt.scores, trained.judged.labels)
        axes.plot(false, true, label=f"{name}: AUC {learnt.quality.auc:.4f}")
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.5)
    axes.set(xlabel="share of false rows scored higher", ylabel="share of true rows scored higher", title="ROC")
    axes.legend()
    return figure


def _calibration(trained: Trained) -> Figure:
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    for name, learnt in (("model", trained.model), ("baseline", trained.baseline)):
        bins = reliability(learnt.scores, trained.judged.labels)
        error = f"{name}: expected error {learnt.quality.calibration:.4f}"
        axes.plot([each.score for each in bins], [each.share for each in bins], marker="o", label=error)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.5)
    axes.set(xlabel="mean score", ylabel="share of true rows", title="Calibration")
    axes.legend()
    return figure


def _importance(learnt: Learnt) -> Figure:
    importance = learnt.fitted.importance()
    order = np.argsort(importance)[-_SHOWN:]
    figure = Figure(figsize=(8, 8), layout="constrained")
    axes = figure.subplots()
    axes.barh([learnt.signature.columns[place].name for place in order], importance[order])
    axes.set(xlabel="gain", title="What the model goes by")
    return figure


def _rates(scores: Floats, labels: Floats) -> tuple[Floats, Floats]:
    true = labels[np.argsort(-scores, kind="stable")]
    shares = [np.r_[0.0, np.cumsum(each) / max(each.sum(), 1.0)] for each in (1 - true, true)]
    return shares[0], shares[1]
