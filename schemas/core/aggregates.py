"""One algebra, every caller: an aggregate is `zero`, `add`, `merge`, `present` over named partials.

Each partial has a kind that says how two of them merge; the kinds are a closed set, so a store or an engine that
knows the kinds knows every aggregate. Only `merge` is ever used on stored state, never an inverse.
"""

from __future__ import annotations

import decimal
import math
from dataclasses import dataclass
from typing import Final

from schemas.core.evaluation import evaluate
from schemas.core.instants import format_instant
from schemas.core.nodes import Node
from schemas.core.picks import decode_pick, encode_pick
from schemas.core.records import Record
from schemas.core.resolution import type_of
from schemas.core.types import Bool, Decimal, Float64, Int64, Timestamp, Type, Value

State = tuple[Value, ...]
"""One value a partial, in the order of `partials_of`."""


@dataclass(frozen=True)
class Tally:
    """How many; int64; merges by adding."""


@dataclass(frozen=True)
class Total:
    """An exact sum: an integer of 10^-scale, DECIMAL(38, scale) in SQL; merges by adding."""

    scale: int


@dataclass(frozen=True)
class FloatTotal:
    """A float64 sum; merges by adding, equal to any other order within 1e-9 of the sum of magnitudes."""


@dataclass(frozen=True)
class Least:
    """The smallest value, or None; `of` is int64, float64, decimal or timestamp."""

    of: Type


@dataclass(frozen=True)
class Greatest:
    """The largest value, or None; `of` is int64, float64, decimal or timestamp."""

    of: Type


@dataclass(frozen=True)
class Earliest:
    """The smallest pick text (see `picks`), or None; `of` is the type of the value within."""

    of: Type


@dataclass(frozen=True)
class Latest:
    """The largest pick text (see `picks`), or None; `of` is the type of the value within."""

    of: Type


Kind = Tally | Total | FloatTotal | Least | Greatest | Earliest | Latest


@dataclass(frozen=True)
class Partial:
    """A named column of an aggregate's state."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class Count:
    """Events."""


@dataclass(frozen=True)
class Sum:
    """The sum of what is not null; exact for int64, decimal and bool (as 0 and 1)."""

    of: Node


@dataclass(frozen=True)
class Mean:
    """The mean of what is not null; a bool counts as 0 or 1, so the mean of a condition is a share."""

    of: Node


@dataclass(frozen=True)
class Min:
    """The smallest value that is not null."""

    of: Node


@dataclass(frozen=True)
class Max:
    """The largest value that is not null."""

    of: Node


@dataclass(frozen=True)
class Variance:
    """Population variance, 0 for one value; precise to 1e-9 of the mean square distance from `around`."""

    of: Node
    around: float = 0.0


@dataclass(frozen=True)
class Stddev:
    """The square root of `Variance`."""

    of: Node
    around: float = 0.0


@dataclass(frozen=True)
class First:
    """The earliest value that is not null, in the order of `records.order_of`."""

    of: Node


@dataclass(frozen=True)
class Last:
    """The latest value that is not null, in the order of `records.order_of`."""

    of: Node


Aggregate = Count | Sum | Mean | Min | Max | Variance | Stddev | First | Last

N: Final = Partial("n", Tally())

_EXACT: Final = decimal.Context(prec=60)
"""The default context would round a sum to 28 digits."""


def partials_of(aggregate: Aggregate) -> tuple[Partial, ...]:
    """The columns of an aggregate whose expression is resolved."""
    match aggregate:
        case Count():
            return (N,)
        case Sum(of) | Mean(of):
            return (N, Partial("sum", _total(type_of(of))))
        case Min(of):
            return (Partial("min", Least(type_of(of))),)
        case Max(of):
            return (Partial("max", Greatest(type_of(of))),)
        case Variance() | Stddev():
            return (N, Partial("sum", FloatTotal()), Partial("squares", FloatTotal()))
        case First(of):
            return (Partial("first", Earliest(type_of(of))),)
        case Last(of):
            return (Partial("last", Latest(type_of(of))),)


def zero(aggregate: Aggregate) -> State:
    """The state of no events."""
    return tuple(_zero(partial.kind) for partial in partials_of(aggregate))


def add(aggregate: Aggregate, state: State, record: Record) -> State:
    """The state with one more event."""
    return merge(aggregate, state, lift(aggregate, record))


def merge(aggregate: Aggregate, left: State, right: State) -> State:
    """The state of both sets of events; associative, commutative, `zero` its identity."""
    kinds = (partial.kind for partial in partials_of(aggregate))
    return tuple(merge_kind(kind, a, b) for kind, a, b in zip(kinds, left, right, strict=True))


def present(aggregate: Aggregate, state: State) -> Value:
    """The answer that a state stands for: 0 for a count of nothing, else None; typed as `result_type`."""
    match aggregate, state:
        case Count(), (n,):
            return n
        case Sum(), (n, total):
            return total if n else None
        case Mean(of), (int(n), (int() | float()) as total):
            scale = _scale(type_of(of))
            return total / (n * 10**scale) if n else None
        case (Variance() | Stddev()) as which, (int(n), float(total), float(squares)):
            if not n:
                return None
            variance = max(0.0, squares / n - (total / n) ** 2) if n > 1 else 0.0
            return math.sqrt(variance) if isinstance(which, Stddev) else variance
        case First(of) | Last(of), (pick,):
            return decode_pick(pick, type_of(of)) if isinstance(pick, str) else None
        case _, (value,):
            return value
    raise AssertionError(f"{aggregate} cannot hold {state}")


def result_type(aggregate: Aggregate) -> Type:
    """The type of the answer."""
    match aggregate:
        case Count():
            return Int64()
        case Sum(of):
            return type_of(of) if isinstance(type_of(of), Decimal | Float64) else Int64()
        case Mean() | Variance() | Stddev():
            return Float64()
        case Min(of) | Max(of) | First(of) | Last(of):
            return type_of(of)


def lift(aggregate: Aggregate, record: Record) -> State:
    """The state of one event alone."""
    if isinstance(aggregate, Count):
        return (1,)
    of = aggregate.of
    value = evaluate(of, record.row)
    if value is None:
        return zero(aggregate)
    match aggregate:
        case Sum() | Mean():
            return (1, int(value) if isinstance(type_of(of), Bool) else value)
        case Variance(_, around) | Stddev(_, around):
            distance = float(value) - around
            return (1, distance, distance * distance)
        case First() | Last():
            return (encode_pick(record, value, type_of(of)),)
        case Min() | Max():
            return (value,)


def merge_kind(kind: Kind, left: Value, right: Value) -> Value:
    """Two partials of one kind as one."""
    if left is None or right is None:
        return right if left is None else left
    match kind:
        case Tally() | Total() | FloatTotal():
            return _add(left, right)
        case Least() | Earliest():
            return _smaller(left, right)
        case Greatest() | Latest():
            return _larger(left, right)


def answer_value(value: Value, of: Type) -> Value:
    """A presented value as it stands in an answer: decimals and timestamps as text."""
    if value is None or isinstance(value, str):
        return value
    match of:
        case Decimal(scale):
            return f"{decimal.Decimal(int(value)).scaleb(-scale, _EXACT):f}"
        case Timestamp():
            return format_instant(int(value))
    return value


def _add(left: Value, right: Value) -> Value:
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left + right
    raise AssertionError(f"cannot add {left!r} and {right!r}")


def _smaller(left: Value, right: Value) -> Value:
    if isinstance(left, str) and isinstance(right, str):
        return min(left, right)
    if isinstance(left, int | float) and isinstance(right, int | float):
        return min(left, right)
    raise AssertionError(f"cannot order {left!r} and {right!r}")


def _larger(left: Value, right: Value) -> Value:
    return left if _smaller(left, right) == right else right


def _zero(kind: Kind) -> Value:
    match kind:
        case Tally() | Total():
            return 0
        case FloatTotal():
            return 0.0
        case Least() | Greatest() | Earliest() | Latest():
            return None


def _total(of: Type) -> Kind:
    return FloatTotal() if isinstance(of, Float64) else Total(_scale(of))


def _scale(of: Type) -> int:
    return of.scale if isinstance(of, Decimal) else 0
