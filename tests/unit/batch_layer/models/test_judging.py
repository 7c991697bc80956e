"""Measures against loops over all pairs and rows, and gates with constructed winners, losers and ties."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_layer.models.gating import Evidence, gates_of, reason
from batch_layer.models.judging import (
    Gain,
    Quality,
    auc,
    by_slice,
    calibration_error,
    paired_gain,
    quality,
    reliability,
)
from schemas.core.language import gates

SCORED = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=12)


@given(SCORED)
def test_auc_is_the_share_of_pairs(rows: list[tuple[float, bool]]) -> None:
    pairs = [(a, b) for a, is_true in rows for b, other in rows if is_true and not other]
    expected = sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs) if pairs else None
    scores, labels = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    assert auc(scores, labels) == (None if expected is None else pytest.approx(expected))


def test_a_weighted_row_counts_as_often() -> None:
    scores, labels = np.array([0.1, 0.4, 0.4, 0.8]), np.array([0.0, 1.0, 0.0, 1.0])
    often = np.array([2, 1, 3, 0])
    assert auc(scores, labels, often.astype(np.float64)) == auc(np.repeat(scores, often), np.repeat(labels, often))


def test_measures_by_hand() -> None:
    found = quality(np.array([0.9, 0.2, 0.4]), np.array([1.0, 0.0, 1.0]))
    assert (found.rows, found.positives, found.auc) == (3, 2, 1.0)
    assert found.log_loss == pytest.approx(-(math.log(0.9) + math.log(0.8) + math.log(0.4)) / 3)
    assert found.calibration == pytest.approx((0.1 + 0.2 + 0.6) / 3)
    assert math.isfinite(quality(np.array([0.0]), np.array([1.0])).log_loss)


def test_a_calibrated_score_has_no_error_and_a_shifted_one_its_shift() -> None:
    scores = np.repeat(np.arange(1, 11) / 10, 10)
    labels = np.concatenate([np.repeat([1.0, 0.0], (ten, 10 - ten)) for ten in range(1, 11)])
    assert calibration_error(scores, labels) == pytest.approx(0.0)
    assert calibration_error(scores - 0.05, labels) == pytest.approx(0.05)
    assert [each.rows for each in reliability(scores, labels)] == [10] * 10


def test_slices_are_judged_apart() -> None:
    scores, labels = np.array([0.9, 0.1, 0.2, 0.8]), np.array([1.0, 0.0, 1.0, 0.0])
    found = by_slice(scores, labels, {"a": np.ones(4, np.bool_), "b": np.array([False, False, True, True])})
    assert (found["a"].rows, found["b"].auc) == (4, 0.0)


def rows(size: int = 2_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, and scores that know them somewhat: one better than the other."""
    draw = np.random.default_rng(5)
    labels = (draw.random(size) < 0.3).astype(np.float64)
    good, poor = (1 / (1 + np.exp(-(2 * labels - 1) * skill - draw.normal(size=size))) for skill in (1.5, 0.7))
    return labels, good, poor


@pytest.mark.parametrize("metric", ["auc", "log_loss"])
def test_a_winner_wins_a_loser_loses_and_a_tie_is_neither(metric: str) -> None:
    labels, good, poor = rows()
    won, lost = (paired_gain(metric, *pair, labels, seed=1, resamples=200) for pair in ((good, poor), (poor, good)))
    assert 0 < won.low < won.measured < won.high
    assert (lost.measured, lost.low, lost.high) == pytest.approx((-won.measured, -won.high, -won.low))
    assert paired_gain(metric, good, good, labels, seed=1, resamples=50) == Gain(0.0, 0.0, 0.0)


def test_noise_is_no_gain() -> None:
    labels, good, _ = rows(500)
    other = np.clip(good + np.random.default_rng(6).normal(scale=0.01, size=len(good)), 0.001, 0.999)
    found = paired_gain("log_loss", other, good, labels, seed=1, resamples=300)
    assert found.low < 0 < found.high


GATES = gates(rows=100, margin=0.01, calibration=0.05, slices=("shop",), slice_loss=0.02, latency="5ms")
GOOD = Quality(rows=100, positives=30, auc=0.8, log_loss=0.4, calibration=0.05)
FOUND = Evidence(
    over="champion 3",
    gain=Gain(0.03, 0.011, 0.05),
    challenger=GOOD,
    slices={"shop": {"a": GOOD, "b": GOOD, "c": replace(GOOD, auc=None)}},
    former_slices={"shop": {"a": replace(GOOD, auc=0.82), "b": GOOD, "c": GOOD}},
    latency=5.0,
)


def test_every_gate_holds_at_its_bound() -> None:
    found = gates_of(GATES, "auc", FOUND)
    assert [gate.name for gate in found if gate.held] == ["rows", "metric", "calibration", "slices", "latency"]
    assert "shop a loses 0.0200 of auc, at most 0.02" in reason(found)


@pytest.mark.parametrize(
    ("gate", "found"),
    [
        ("rows", replace(FOUND, challenger=replace(GOOD, rows=99))),
        ("metric", replace(FOUND, gain=Gain(0.03, 0.01, 0.05))),
        ("calibration", replace(FOUND, challenger=replace(GOOD, calibration=0.0501))),
        ("slices", replace(FOUND, slices={"shop": {"b": replace(GOOD, auc=0.77)}})),
        ("latency", replace(FOUND, latency=5.01)),
    ],
)
def test_each_gate_fails_alone_and_says_why(gate: str, found: Evidence) -> None:
    gates_asked = gates_of(GATES, "auc", found)
    assert [each.name for each in gates_asked if not each.held] == [gate]
    assert reason(gates_asked).startswith(f"{gate}: ")
    assert ";" not in reason(gates_asked)


def test_a_slice_of_log_loss_is_worse_where_it_is_higher() -> None:
    found = replace(FOUND, slices={"shop": {"a": replace(GOOD, log_loss=0.43)}})
    assert [each.name for each in gates_of(GATES, "log_loss", found) if not each.held] == ["slices"]
