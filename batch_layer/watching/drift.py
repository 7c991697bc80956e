"""How far one distribution lies from another in the same bins: population stability index, Jensen–Shannon divergence.

With shares p of what was learnt from and q of what came since, bin by bin, nulls among them:

    psi = Σ (q - p) ln(q / p)                          Siddiqi, Credit Risk Scorecards (2006); Jeffreys (1946)
    js  = ½ Σ p log2(p / m) + ½ Σ q log2(q / m)        Lin, Divergence measures based on the Shannon entropy (1991)
          with m = (p + q) / 2

An index of 0.1 is commonly called some shift, 0.25 a great one; the divergence lies between 0 and 1.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from batch_layer.models.distributions import Distribution
from batch_layer.models.examples import Floats
from schemas.lake.watches import Drift

LEAST_SHARE: Final = 1e-4
"""What an empty bin holds for the index, which a share of nothing would make infinite. The divergence needs none."""


def drift(learnt: Distribution, since: Distribution) -> Drift:
    """Of values counted by `in_bins_of`; one that holds nothing lies nowhere, and has not drifted."""
    p, q = _shares(learnt), _shares(since)
    nulls, learnt_nulls = float(q[-1]), float(p[-1])
    if not p.sum() or not q.sum():
        return Drift(0.0, 0.0, nulls, learnt_nulls)
    return Drift(stability_index(p, q), divergence(p, q), nulls, learnt_nulls)


def stability_index(p: Floats, q: Floats) -> float:
    """Of shares that sum up to 1 each; an empty bin counts as `LEAST_SHARE`."""
    p, q = np.maximum(p, LEAST_SHARE), np.maximum(q, LEAST_SHARE)
    return float(((q - p) * np.log(q / p)).sum())


def divergence(p: Floats, q: Floats) -> float:
    """In bits; of shares that sum up to 1 each."""
    middle = (p + q) / 2
    return (_information(p, middle) + _information(q, middle)) / 2


def _information(shares: Floats, other: Floats) -> float:
    there = shares > 0
    return float((shares[there] * np.log2(shares[there] / other[there])).sum())


def _shares(found: Distribution) -> Floats:
    counts = np.array(found.bins, np.float64)
    shares: Floats = counts / max(counts.sum(), 1.0)
    return shares
