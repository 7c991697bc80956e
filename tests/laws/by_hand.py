"""Answers in fractions over plain lists of values: no state, no merging, nothing of the algebra."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from schemas.core.aggregates import Aggregate, Count, First, Last, Max, Mean, Min, Stddev, Sum, Variance
from schemas.core.records import Record
from schemas.core.resolution import type_of
from schemas.core.types import Decimal, Float64, Value


def by_hand(aggregate: Aggregate, pairs: Sequence[tuple[Record, Value]]) -> Value:
    """The answer over records and the values in them, none of which is null."""
    if isinstance(aggregate, Count):
        return len(pairs)
    if not pairs:
        return None
    ordered = [value for _, value in sorted(pairs, key=_place)]
    plain = [value for _, value in pairs if not isinstance(value, str) and value is not None]
    of = type_of(aggregate.of)
    numbers = [Fraction(value) / (10**of.scale if isinstance(of, Decimal) else 1) for value in plain]
    match aggregate:
        case Sum():
            return float(sum(numbers)) if isinstance(of, Float64) else sum(map(int, plain))
        case Mean():
            return float(sum(numbers) / len(numbers))
        case Min():
            return min(plain)
        case Max():
            return max(plain)
        case Variance() | Stddev() as which:
            center = sum(numbers) / len(numbers)
            spread = float(sum((number - center) ** 2 for number in numbers) / len(numbers))
            return math.sqrt(spread) if isinstance(which, Stddev) else spread
        case First():
            return ordered[0]
        case Last():
            return ordered[-1]


def _place(pair: tuple[Record, Value]) -> tuple[int, bytes, int, int, int]:
    record = pair[0]
    return record.event_time, record.event_id.encode(), record.available_at, record.partition, record.offset
