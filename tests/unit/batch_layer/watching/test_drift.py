"""How far distributions lie apart, against sums written out and against other libraries' arithmetic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from batch_layer.models.distributions import Categories, Numbers, in_bins_of, of_numbers
from batch_layer.watching.drift import LEAST_SHARE, divergence, drift, stability_index


def test_the_index_of_two_bins_is_the_sum_written_out() -> None:
    learnt, since = Categories({"a": 60, "b": 30}, 0, 10), Categories({"a": 30, "b": 60}, 0, 10)
    found = drift(learnt, since)
    # (0.3 - 0.6) ln(0.3 / 0.6) + (0.6 - 0.3) ln(0.6 / 0.3); others and nulls are the same
    assert found.psi == pytest.approx(0.6 * math.log(2))
    assert (found.nulls, found.learnt_nulls) == (0.1, 0.1)


def test_both_measures_are_those_of_scipy() -> None:
    draw = np.random.default_rng(3)
    for _ in range(20):
        p, q = draw.dirichlet(np.ones(12)), draw.dirichlet(np.ones(12))
        p, q = np.maximum(p, 1e-3) / np.maximum(p, 1e-3).sum(), np.maximum(q, 1e-3) / np.maximum(q, 1e-3).sum()
        assert stability_index(p, q) == pytest.approx(entropy(p, q) + entropy(q, p))
        assert divergence(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2)


def test_an_empty_bin_is_finite_and_the_same_is_nothing() -> None:
    apart = drift(Numbers((0.0,), (10, 0), 0), Numbers((0.0,), (0, 20), 0))
    assert apart.psi == pytest.approx(2 * (1 - LEAST_SHARE) * math.log(1 / LEAST_SHARE))
    assert apart.js == pytest.approx(1)
    same = drift(Numbers((0.0,), (10, 0), 5), Numbers((0.0,), (20, 0), 10))
    assert (same.psi, same.js) == (0, 0)
    nothing = drift(Numbers((0.0,), (10, 0), 5), Numbers((0.0,), (0, 0), 0))
    assert (nothing.psi, nothing.js, nothing.nulls) == (0, 0, 0)


def test_a_slice_that_moved_by_a_spread_is_a_great_shift() -> None:
    """Of two normal distributions one spread apart the index tends to 1, since ∫(q - p) ln(q / p) is the square of it;
    ten bins see a little less."""
    draw = np.random.default_rng(5)
    learnt = of_numbers(draw.normal(0, 1, 50_000))
    assert drift(learnt, in_bins_of(learnt, draw.normal(0, 1, 5_000))).psi < 0.02
    assert 0.8 < drift(learnt, in_bins_of(learnt, draw.normal(1, 1, 5_000))).psi < 1.05
