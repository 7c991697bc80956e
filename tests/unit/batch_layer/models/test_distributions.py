"""Distributions: bins counted by hand, other rows in the same bins, and text that comes back."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from batch_layer.models.distributions import (
    MOST_NAMED,
    SCORE,
    Categories,
    Numbers,
    decode_distributions,
    encode_distributions,
    in_bins_of,
    of_numbers,
    of_texts,
)
from batch_layer.models.training import train
from schemas.core.errors import BadValue
from tests.unit.batch_layer.models.learning import model, write_set


def test_numbers_are_counted_by_their_deciles() -> None:
    draw = random.Random(1)
    learnt = [draw.gauss(0, 3) for _ in range(1_003)]
    found = of_numbers(np.array([*learnt, float("nan"), float("nan")]))
    ordered = sorted(learnt)
    # The least value that a tenth, two tenths … of all do not exceed.
    edges = [ordered[-(-1_003 * tenth // 10) - 1] for tenth in range(1, 10)]
    assert found.edges == tuple(edges)
    assert (sum(found.counts), found.nulls) == (1_003, 2)
    since = [*edges, -1e9, 1e9, 0.25, 0.25]
    counts = Counter(bisect_left(edges, value) for value in since)
    assert in_bins_of(found, np.array(since)) == Numbers(found.edges, tuple(counts[bin_] for bin_ in range(10)), 0)


def test_a_value_that_is_most_of_a_column_is_one_edge() -> None:
    found = of_numbers(np.array([0.0] * 95 + [1.0] * 5))
    assert (found.edges, found.counts) == ((0.0,), (95, 5))
    assert of_numbers(np.array([float("nan")] * 3)) == Numbers((), (0,), 3)
    assert of_numbers(np.empty(0)) == Numbers((), (0,), 0)


def test_texts_are_counted_by_the_most_frequent() -> None:
    some = [f"c{number:02}" for number in range(MOST_NAMED + 2) for _ in range(number + 1)]
    found = of_texts(pa.array([*some, None]))
    assert (len(found.counts), found.others, found.nulls) == (MOST_NAMED, 1 + 2, 1)
    assert found.counts["c21"] == 22
    since = in_bins_of(found, pa.array(["c21", "c00", "never seen", None, None]))
    assert since == Categories({**dict.fromkeys(found.counts, 0), "c21": 1}, 2, 2)
    assert since.bins[-2:] == (2, 2)


def test_training_keeps_what_it_learnt_from_and_how_it_scores(tmp_path: Path) -> None:
    trained = train(tmp_path, model(), write_set(tmp_path, model()))
    found = trained.distributions
    assert set(found) == {*(each.name for each in model().inputs), SCORE}
    assert all(sum(each.bins) == trained.learnt_rows for name, each in found.items() if name != SCORE)
    assert sum(found[SCORE].bins) == len(trained.judged)
    shops = found["shop"]
    assert isinstance(shops, Categories)
    assert set(shops.counts) == {"a", "b", "é"}
    assert shops.nulls / trained.learnt_rows == pytest.approx(0.25, abs=0.02)
    seen = found["shop_seen"]
    assert isinstance(seen, Numbers)
    assert seen.edges == (10.5,)  # seconds of age at each row, not the instants themselves
    assert decode_distributions(encode_distributions(found)) == found


@pytest.mark.parametrize("text", ["[]", "{", '{"a": {"edges": [1], "counts": [1], "nulls": 0}}', '{"a": {}}'])
def test_what_is_no_distribution_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="no distributions of a model"):
        decode_distributions(text)
