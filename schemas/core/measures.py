"""Measures: an aggregate of an event's fields, and the windows it is asked over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.core.aggregates import Aggregate, Count, First, Last, Max, Mean, Min, Stddev, Sum, Variance
from schemas.core.errors import DefinitionError
from schemas.core.events import check_name
from schemas.core.expressions import Expr
from schemas.core.nodes import Column, Node
from schemas.core.resolution import resolve_part, to_float, type_of
from schemas.core.types import FLOAT_BOUND, Bool, Decimal, Float64, Int64, String, Timestamp, Type, type_name
from schemas.core.windows import Window, window

_NUMBERS: Final = (Int64, Float64, Decimal)
_TAKES: Final[Mapping[type, tuple[type, ...]]] = {
    Sum: (*_NUMBERS, Bool),
    Mean: (*_NUMBERS, Bool),
    Min: (*_NUMBERS, Timestamp),
    Max: (*_NUMBERS, Timestamp),
    Variance: (Int64, Float64),
    Stddev: (Int64, Float64),
    First: (Bool, *_NUMBERS, String, Timestamp),
    Last: (Bool, *_NUMBERS, String, Timestamp),
}
"""What each aggregate takes; the rest is refused because engines order or add it differently."""


@dataclass(frozen=True)
class Measure:
    """An aggregate with the windows it is asked over: `(suffix, window)`; none means lifetime."""

    aggregate: Aggregate
    windows: tuple[tuple[str, Window], ...] = ()

    def over(self, *lengths: str, hop: str | None = None) -> Measure:
        """The same aggregate over each window, such as `over("1h", "7d")`."""
        return Measure(self.aggregate, tuple((length, window(length, hop)) for length in lengths))


def count() -> Measure:
    """How many events; 0 when there are none."""
    return Measure(Count())


def sum_(of: Expr | str) -> Measure:
    """The sum; exact for int64, decimal and conditions (a true one is 1)."""
    return Measure(Sum(_node(of)))


def mean(of: Expr | str) -> Measure:
    """The mean; of a condition, the share of events for which it is true among those where it is not null."""
    return Measure(Mean(_node(of)))


def min_(of: Expr | str) -> Measure:
    """The smallest number or timestamp."""
    return Measure(Min(_node(of)))


def max_(of: Expr | str) -> Measure:
    """The largest number or timestamp."""
    return Measure(Max(_node(of)))


def variance(of: Expr | str, *, around: float = 0.0) -> Measure:
    """Population variance; choose `around` near the mean where the mean is large beside the spread."""
    return Measure(Variance(_node(of), _around(around)))


def stddev(of: Expr | str, *, around: float = 0.0) -> Measure:
    """The square root of `variance`."""
    return Measure(Stddev(_node(of), _around(around)))


def first(of: Expr | str) -> Measure:
    """The value with the earliest `event_time`."""
    return Measure(First(_node(of)))


def last(of: Expr | str) -> Measure:
    """The value with the latest `event_time`."""
    return Measure(Last(_node(of)))


def resolved(types: Mapping[str, Type], name: str, measure: Measure) -> Measure:
    """The measure with its expression resolved; raises DefinitionError for a type that it does not take."""
    check_name("feature", name)
    aggregate = measure.aggregate
    if isinstance(aggregate, Count):
        return measure
    of = resolve_part(f"feature `{name}`", aggregate.of, types)
    kind, allowed = type_of(of), _TAKES[type(aggregate)]
    if not isinstance(kind, allowed):
        word, takes = type(aggregate).__name__.lower(), ", ".join(each.__name__.lower() for each in allowed)
        raise DefinitionError(f"`{word}` of feature `{name}` is refused for {type_name(kind)}; it takes {takes}")
    if isinstance(aggregate, Variance | Stddev):
        return Measure(type(aggregate)(to_float(of), aggregate.around), measure.windows)
    return Measure(type(aggregate)(of), measure.windows)


def _around(value: float) -> float:
    if not abs(value) <= FLOAT_BOUND:
        raise DefinitionError(f"`around={value}` is not a finite number within ±{FLOAT_BOUND:g}; choose one")
    return float(value) + 0.0


def _node(of: Expr | str) -> Node:
    return Column(of) if isinstance(of, str) else of.node
