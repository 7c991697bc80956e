"""Rows of values as the numbers that a fitted model takes: `Signature.numbers`, prepared for many rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from schemas.core.instants import SECOND, Instant, parse_instant
from schemas.core.signatures import Read, Signature, category_numbers
from schemas.core.types import Decimal, String, Timestamp, Value
from serving_layer.models.fitted import Floats

_Convert = Callable[[Any, Instant], float]
_NONE: Final = math.nan


class Columns:
    """The columns of a signature among the inputs of a model, by name.

    Values are as they stand in answers (decimals and timestamps as text), or as the core holds them.
    """

    def __init__(self, signature: Signature, inputs: Sequence[str]) -> None:
        self.names = tuple(each.name for each in signature.columns)
        self._places = [inputs.index(name) for name in self.names]
        found = ((place, _conversion(each)) for place, each in enumerate(signature.columns))
        self._conversions = [(place, convert) for place, convert in found if convert is not None]

    def numbers(self, rows: Sequence[Sequence[Value]], at: Instant) -> Floats:
        """A row of numbers for each row of values, which are in the order of the inputs; null is no number."""
        places = self._places
        taken: list[list[Any]] = [[row[place] for place in places] for row in rows]
        for place, convert in self._conversions:
            for row in taken:
                row[place] = convert(row[place], at)
        return np.array(taken, dtype=np.float64).reshape(len(rows), len(places))


def _conversion(column: Read) -> _Convert | None:
    match column.type:
        case String():
            return partial(_category, category_numbers(column))
        case Decimal(scale):
            return partial(_decimal, float(10**scale))
        case Timestamp():
            return _age
    return None


def _category(known: dict[str, int], value: Any, _: Instant) -> float:
    return known.get(value, _NONE)


def _decimal(units: float, value: Any, _: Instant) -> float:
    if value is None:
        return _NONE
    # An answer has all digits of its scale: without the point they are the units.
    return (int(value.replace(".", "")) if isinstance(value, str) else value) / units


def _age(value: Any, at: Instant) -> float:
    if value is None:
        return _NONE
    return (at - (parse_instant(value) if isinstance(value, str) else value)) / SECOND
