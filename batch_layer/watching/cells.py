"""Columns of features as served beside those that batch computes: which cells differ, and why. Pure, over Arrow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.core.aggregates import Aggregate, Mean, Stddev, Sum, Variance
from schemas.core.agreement import PRECISION
from schemas.core.instants import Instant
from schemas.lake.watches import BEHIND, CAUSES, INCOMPLETE, LAST_GOOD, UNEXPLAINED, Skew

Flags = npt.NDArray[np.bool_]
_EXAMPLES: Final = 5


@dataclass(frozen=True)
class Served:
    """One row of one ask as it was served; `through` None where nothing was proved of the view."""

    prediction: str
    at: Instant
    source: str
    through: Instant | None
    complete: bool


def differing(aggregate: Aggregate, served: Any, computed: Any) -> Flags:
    """Which cells differ; a float that was added up agrees within 1e-9 of the largest of its column.

    The law allows 1e-9 of the magnitudes that were added, which neither side keeps.
    """
    null = np.asarray(served.is_null()), np.asarray(computed.is_null())
    there = ~null[0] & ~null[1]
    differ: Flags = null[0] != null[1]
    if isinstance(aggregate, Sum | Mean | Variance | Stddev) and pa.types.is_floating(computed.type):
        left, right = (pc.fill_null(each.cast(pa.float64()), 0.0).to_numpy() for each in (served, computed))
        if isinstance(aggregate, Stddev):
            left, right = left**2, right**2
        largest = np.maximum(np.abs(left), np.abs(right)).max(initial=0.0)
        differ |= there & ~(np.abs(left - right) <= PRECISION * largest)
        return differ
    differ |= there & ~np.asarray(pc.fill_null(pc.equal(served.cast(computed.type), computed), False))
    return differ


def cause_of(row: Served, is_behind: bool) -> str:
    """Why cells of a row differ."""
    if is_behind:
        return BEHIND
    if row.source == LAST_GOOD:
        return LAST_GOOD
    return INCOMPLETE if row.through is not None and not row.complete else UNEXPLAINED


def skew_of(
    rows: Sequence[Served],
    cells: Mapping[str, tuple[Any, Any]],
    differ: Mapping[str, Flags],
    behind: Flags,
) -> Skew:
    """What was found of one ask; `cells` are columns by feature, served and computed."""
    counts, examples = Counter[str](), list[Mapping[str, Any]]()
    for feature, flags in differ.items():
        for place in np.flatnonzero(flags).tolist():
            cause = cause_of(rows[place], bool(behind[place]))
            counts[cause] += 1
            # Few of each cause: what is explained does not hide what is not.
            if sum(each["feature"] == feature and each["cause"] == cause for each in examples) == 0:
                examples.append(_example(rows[place], feature, cause, [each[place].as_py() for each in cells[feature]]))
    found = sorted(examples, key=lambda each: -CAUSES.index(each["cause"]))[:_EXAMPLES]
    return Skew(len(rows), len(rows) * len(cells), {cause: counts[cause] for cause in CAUSES}, tuple(found))


def _example(row: Served, feature: str, cause: str, values: Sequence[Any]) -> Mapping[str, Any]:
    served, computed = (None if value is None else str(value) for value in values)
    return {
        "prediction": row.prediction,
        "at": row.at,
        "feature": feature,
        "served": served,
        "computed": computed,
        "cause": cause,
    }
