"""Aggregates as columns for the walk: values of events lifted to partials, and merged partials presented.

A sum is kept in two words, `high` of 2^32 and `low` below it, so that it is exact beyond 64 bits. `first` and `last`
are the least and the greatest place of an event in the order of `records.order_of`; the value is looked up afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from batch_layer.point_in_time.walk import Ints, Numbers, Op
from batch_layer.tables import arrow_type
from schemas.core.aggregates import Aggregate, Count, First, Last, Max, Mean, Min, Stddev, Sum, Variance
from schemas.core.errors import TidelineError
from schemas.core.resolution import type_of
from schemas.core.types import INT64_MAX, INT64_MIN, Bool, Decimal, Float64, Type

_WORD: Final = 32
_LOW: Final = (1 << _WORD) - 1
_ZERO: Final[Mapping[Op, tuple[int, float]]] = {
    Op.ADD: (0, 0.0),
    Op.LEAST: (INT64_MAX, float("inf")),
    Op.GREATEST: (INT64_MIN, float("-inf")),
}


@dataclass(frozen=True)
class Lifted:
    """One column for the walk."""

    op: Op
    values: Numbers

    @property
    def zero(self) -> Any:
        """The identity of the operation."""
        return _ZERO[self.op][int(self.values.dtype == np.float64)]


def lifted(aggregate: Aggregate, values: Any, rank: Ints) -> dict[str, Lifted]:
    """The columns of events with these values, null where a row adds nothing; `rank` is the place of each event.

    `values` of `count()` are true where there is an event.
    """
    there = np.asarray(values.is_valid())
    found = {"n": Lifted(Op.ADD, there.astype(np.int64))}
    if isinstance(aggregate, Count):
        return found
    of = type_of(aggregate.of)
    match aggregate:
        case First():
            return found | {"rank": Lifted(Op.LEAST, np.where(there, rank, INT64_MAX))}
        case Last():
            return found | {"rank": Lifted(Op.GREATEST, np.where(there, rank, INT64_MIN))}
        case Min():
            return found | {"least": _extreme(Op.LEAST, values, of, there)}
        case Max():
            return found | {"greatest": _extreme(Op.GREATEST, values, of, there)}
        case Variance(_, around) | Stddev(_, around):
            distance = np.where(there, _numbers(values, of) - around, 0.0)
            return found | _floats(distance, distance * distance)
        case Sum() | Mean() if isinstance(of, Float64):
            return found | _floats(_numbers(values, of))
    whole = _numbers(values, of)
    return found | {"high": Lifted(Op.ADD, whole >> _WORD), "low": Lifted(Op.ADD, whole & _LOW)}


def carried(aggregate: Aggregate, partials: Mapping[str, Any]) -> dict[str, Numbers]:
    """The same columns of partials that are stored, by their names; not of `first` and `last`, which are events."""
    if isinstance(aggregate, Count):
        return {"n": _whole(partials["n"])}
    of = type_of(aggregate.of)
    match aggregate:
        case Min():
            return _carried_extreme("least", Op.LEAST, partials["min"], of)
        case Max():
            return _carried_extreme("greatest", Op.GREATEST, partials["max"], of)
        case Variance() | Stddev():
            sums = {name: _numbers(partials[name], Float64()) for name in ("sum", "squares")}
            return {"n": _whole(partials["n"]), **sums}
        case Sum() | Mean() if isinstance(of, Float64):
            return {"n": _whole(partials["n"]), "sum": _numbers(partials["sum"], of)}
    low, high = _words(partials["sum"])
    if np.any(high >> _WORD - 1 != high >> 63):
        raise TidelineError("a sum is beyond 95 bits, so no training row is made of it; ask for another feature")
    total = (high << _WORD) + (low >> np.uint64(_WORD)).astype(np.int64)
    return {"n": _whole(partials["n"]), "high": total, "low": (low & np.uint64(_LOW)).astype(np.int64)}


def presented(aggregate: Aggregate, merged: Mapping[str, Numbers], values: Any, order: Ints) -> Any:
    """The answers as an Arrow array of `answer_type`; `order` gives for a rank the row in `values`."""
    n = merged["n"]
    if isinstance(aggregate, Count):
        return pa.array(n)
    of, none = type_of(aggregate.of), n == 0
    match aggregate:
        case First() | Last():
            rows = pa.array(order[np.where(none, 0, merged["rank"])] if len(order) else n, mask=none)
            return values.take(rows)
        case Min() | Max():
            (name,) = merged.keys() - {"n"}
            return _typed(np.where(none, 0, merged[name]), of, none)
        case Variance() | Stddev():
            return pa.array(_spread(aggregate, merged), mask=none)
        case Sum() if isinstance(of, Float64):
            return pa.array(merged["sum"], mask=none)
        case Mean() if isinstance(of, Float64):
            return pa.array(merged["sum"] / np.maximum(n, 1), mask=none)
        case Mean():
            unit = 10.0**of.scale if isinstance(of, Decimal) else 1.0
            total = merged["high"] * 2.0**_WORD + merged["low"]
            return pa.array(total / (np.maximum(n, 1) * unit), mask=none)
    total = _decimal(merged["high"], merged["low"], of.scale if isinstance(of, Decimal) else 0, none)
    return total.cast(pa.int64()) if isinstance(of, Bool) else total


def answer_type(aggregate: Aggregate) -> pa.DataType:
    """The type of a presented column; exact sums have 38 digits, but those of conditions, which count."""
    match aggregate:
        case Count():
            return pa.int64()
        case Mean() | Variance() | Stddev():
            return pa.float64()
        case Sum(of):
            match type_of(of):
                case Float64():
                    return pa.float64()
                case Bool():
                    return pa.int64()
                case Decimal(scale):
                    return pa.decimal128(38, scale)
            return pa.decimal128(38, 0)
        case Min(of) | Max(of) | First(of) | Last(of):
            return arrow_type(type_of(of))


def _extreme(op: Op, values: Any, of: Type, there: Numbers) -> Lifted:
    zero = _ZERO[op][int(isinstance(of, Float64))]
    return Lifted(op, np.where(there, _numbers(values, of), zero))


def _carried_extreme(name: str, op: Op, values: Any, of: Type) -> dict[str, Numbers]:
    there = np.asarray(values.is_valid())
    return {"n": there.astype(np.int64), name: _extreme(op, values, of, there).values}


def _floats(total: Numbers, squares: Numbers | None = None) -> dict[str, Lifted]:
    found = {"sum": Lifted(Op.ADD, total)}
    return found if squares is None else found | {"squares": Lifted(Op.ADD, squares)}


def _spread(aggregate: Variance | Stddev, merged: Mapping[str, Numbers]) -> Numbers:
    n = np.maximum(merged["n"], 1)
    variance = np.maximum(0.0, merged["squares"] / n - (merged["sum"] / n) ** 2)
    variance[n == 1] = 0.0
    found: Numbers = np.sqrt(variance) if isinstance(aggregate, Stddev) else variance
    return found


def _numbers(values: Any, of: Type) -> Numbers:
    """As int64 or float64, null as 0; a decimal as an integer of 10^-scale."""
    if isinstance(of, Decimal):
        return _words(values)[0].astype(np.int64)
    kind = pa.float64() if isinstance(of, Float64) else pa.int64()
    found: Numbers = pc.fill_null(values.cast(kind), 0).to_numpy()
    return found


def _whole(values: Any) -> Ints:
    found: Ints = pc.fill_null(values.cast(pa.int64()), 0).to_numpy()
    return found


def _words(values: Any) -> tuple[Numbers, Numbers]:
    """The low and the high 64 bits of decimals, null as 0."""
    filled = pc.fill_null(values, pa.scalar(0, values.type))
    words = np.frombuffer(filled.buffers()[1], np.int64)[2 * filled.offset :][: 2 * len(filled)]
    return words[::2].copy().view(np.uint64), words[1::2].copy()


def _decimal(high: Ints, low: Ints, scale: int, none: Numbers) -> Any:
    """`high * 2^32 + low` in 128 bits, as a decimal."""
    base = high.astype(np.uint64) << np.uint64(_WORD)
    words = np.empty((len(high), 2), np.uint64)
    words[:, 0] = base + low.astype(np.uint64)
    words[:, 1] = ((high >> _WORD) + (words[:, 0] < base)).astype(np.uint64)
    whole = pa.Array.from_buffers(pa.decimal128(38, scale), len(high), [None, pa.py_buffer(words)])
    return pc.if_else(pa.array(none), pa.scalar(None, whole.type), whole)


def _typed(numbers: Numbers, of: Type, none: Numbers) -> Any:
    if isinstance(of, Decimal):
        whole = _decimal(numbers >> _WORD, numbers & _LOW, of.scale, none)
        return whole.cast(arrow_type(of))
    return pa.array(numbers, mask=none)
