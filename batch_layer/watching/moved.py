"""How far what a champion scores has moved from what it has learnt: every input, and its scores. Pure."""

from __future__ import annotations

from typing import Any

from batch_layer.models.distributions import SCORE, Distributions, column_of, in_bins_of
from batch_layer.watching.drift import drift
from schemas.core.models import Model
from schemas.core.signatures import Read
from schemas.lake.watches import Drift


def moved(model: Model, learnt: Distributions, predictions: Any) -> dict[str, Drift]:
    """By column, of predictions of the champion on features; the model's inputs are those that were learnt."""
    at = predictions["event_time"].to_numpy()
    values = {
        each.name: column_of(Read(each.name, each.type), predictions, at)
        for each in model.inputs
        if each.name in learnt
    }
    values[SCORE] = predictions[SCORE].to_numpy()
    return {name: drift(learnt[name], in_bins_of(learnt[name], column)) for name, column in values.items()}
