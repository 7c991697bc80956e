"""How values lie: bins of a column, made of the rows that a model has learnt from, and other rows in the same bins.

number     ≤ d1 │ ≤ d2 │ … │ ≤ d9 │ beyond │ null        d1 … d9: the deciles of what was learnt from
text       each of the most frequent │ others │ null
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc

from batch_layer.models.examples import Floats, Instants, column_numbers
from schemas.core.errors import BadValue
from schemas.core.signatures import Read
from schemas.core.types import String

SCORE: Final = "score"
"""The name of the scores' distribution among those of inputs; no input has it."""
MOST_NAMED: Final = 20
"""Categories with a bin of their own: with more, few rows would seem to have drifted by chance."""
_DECILES: Final = np.arange(1, 10) / 10

Column = Any
"""A column of text as Arrow has it, or `Floats`, in which no number is null."""


@dataclass(frozen=True)
class Numbers:
    """Bins of numbers: the first holds what is at most `edges[0]`, the last what is beyond the last edge."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    nulls: int

    @property
    def bins(self) -> tuple[int, ...]:
        """All counts in a fixed order, nulls last."""
        return (*self.counts, self.nulls)


@dataclass(frozen=True)
class Categories:
    """Bins of text: one for each category that is named, one for all others."""

    counts: Mapping[str, int]
    others: int
    nulls: int

    @property
    def bins(self) -> tuple[int, ...]:
        """All counts in a fixed order, nulls last."""
        return (*(self.counts[name] for name in sorted(self.counts)), self.others, self.nulls)


Distribution = Numbers | Categories
Distributions = Mapping[str, Distribution]
"""By the name of an input, and of the `SCORE`."""


def of_numbers(values: Floats) -> Numbers:
    """Bins that hold about a tenth of these values each; values that are often the same have fewer."""
    there = values[~np.isnan(values)]
    edges = np.unique(np.quantile(there, _DECILES, method="inverted_cdf")) if len(there) else np.empty(0)
    return _binned(tuple(edges.tolist()), values)


def of_texts(values: Column) -> Categories:
    """The most frequent categories by name."""
    counts = {each["values"]: each["counts"] for each in pc.value_counts(values.drop_null()).to_pylist()}
    named = sorted(counts, key=lambda name: (-counts[name], name))[:MOST_NAMED]
    return _named(sorted(named), values)


def in_bins_of(learnt: Distribution, values: Column) -> Distribution:
    """Other values of the column, counted into the bins of what was learnt."""
    return _binned(learnt.edges, values) if isinstance(learnt, Numbers) else _named(sorted(learnt.counts), values)


def column_of(column: Read, rows: Any, at: Instants) -> Column:
    """The values of an input: text as it is, all else as the number that a model reads, as of each row's `at`."""
    values = rows[column.name].combine_chunks()
    return values if isinstance(column.type, String) else column_numbers(column, values, at)


def distributions_of(columns: Sequence[Read], rows: Any, at: Instants, scores: Floats) -> dict[str, Distribution]:
    """Of every input over some rows, and of scores, which may be of others."""
    found = {each.name: column_of(each, rows, at) for each in columns}
    made: dict[str, Distribution] = {
        name: of_numbers(values) if isinstance(values, np.ndarray) else of_texts(values)
        for name, values in found.items()
    }
    return {**made, SCORE: of_numbers(scores)}


def encode_distributions(found: Distributions) -> str:
    """As JSON text."""
    return json.dumps({name: asdict(each) for name, each in found.items()}, indent=1, sort_keys=True, allow_nan=False)


def decode_distributions(text: str) -> dict[str, Distribution]:
    """What `encode_distributions` wrote; raises BadValue on anything else."""
    try:
        return {name: _decoded(each) for name, each in json.loads(text).items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadValue(f"these are no distributions of a model ({error}); train it again") from error


def _binned(edges: tuple[float, ...], values: Floats) -> Numbers:
    there = values[~np.isnan(values)]
    counts = np.bincount(np.searchsorted(np.array(edges), there, side="left"), minlength=len(edges) + 1)
    return Numbers(edges, tuple(counts.tolist()), len(values) - len(there))


def _named(names: Sequence[str], values: Column) -> Categories:
    found = {each["values"]: each["counts"] for each in pc.value_counts(values.drop_null()).to_pylist()}
    counts = {name: found.get(name, 0) for name in names}
    return Categories(counts, sum(found.values()) - sum(counts.values()), values.null_count)


def _decoded(given: Mapping[str, Any]) -> Distribution:
    if "edges" in given:
        edges, counts = tuple(map(float, given["edges"])), tuple(map(int, given["counts"]))
        if len(counts) != len(edges) + 1:
            raise ValueError(f"{len(counts)} counts for {len(edges)} edges")
        return Numbers(edges, counts, int(given["nulls"]))
    counts_by_name = {str(name): int(count) for name, count in given["counts"].items()}
    return Categories(counts_by_name, int(given["others"]), int(given["nulls"]))
