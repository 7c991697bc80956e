"""When two answers agree: equal, but for float sums, whose order of adding no engine fixes.

A float sum agrees within 1e-9 of the sum of magnitudes, a mean within that over n, a variance within 1e-9 of the
mean square distance from `around`; the square of a standard deviation stands for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from schemas.core.aggregates import Aggregate, Mean, Stddev, Sum, Variance
from schemas.core.evaluation import evaluate
from schemas.core.records import Record
from schemas.core.resolution import type_of
from schemas.core.types import Bool, Decimal, Float64, Value

PRECISION: Final = 1e-9


def agree(aggregate: Aggregate, left: Value, right: Value, records: Iterable[Record]) -> bool:
    """Whether two answers of one feature agree, given the records that are in its window."""
    if isinstance(left, bool) is not isinstance(right, bool):
        return False
    if not isinstance(left, float) or not isinstance(right, int | float):
        return left == right
    match aggregate:
        case Stddev():
            return abs(left * left - right * right) <= tolerance(aggregate, records)
        case Sum() | Mean() | Variance():
            return abs(left - right) <= tolerance(aggregate, records)
    return left == right


def tolerance(aggregate: Aggregate, records: Iterable[Record]) -> float:
    """The absolute error that the law allows; 0 for what must be equal."""
    match aggregate:
        case Sum(of) if isinstance(type_of(of), Float64):
            return PRECISION * math.fsum(abs(value) for value in _values(aggregate, records))
        case Mean(of) if isinstance(type_of(of), Float64 | Bool):
            values = [abs(value) for value in _values(aggregate, records)]
            return PRECISION * math.fsum(values) / max(1, len(values))
        case Mean():
            values = [abs(value) for value in _values(aggregate, records)]
            return PRECISION * max(values, default=0.0)
        case Variance(_, around) | Stddev(_, around):
            squares = [(value - around) ** 2 for value in _values(aggregate, records)]
            return PRECISION * math.fsum(squares) / max(1, len(squares))
    return 0.0


def _values(aggregate: Sum | Mean | Variance | Stddev, records: Iterable[Record]) -> list[float]:
    of = type_of(aggregate.of)
    unit = 10**of.scale if isinstance(of, Decimal) else 1
    found = (evaluate(aggregate.of, record.row) for record in records)
    return [float(value) / unit for value in found if value is not None]
