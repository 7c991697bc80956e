"""A view's partials as 8-byte slots, each with the one operation that merges it: all that the kernel knows of a view.

    column            kind           slots                        operation
    _n                Tally          [n]                          ADD        (events merged in the row; always first)
    delay__n          Tally          [n]                          ADD
    delay__sum        Total          [low 64 bits][high 64 bits]  ADD_WIDE   (a sum may pass 64 bits, never 127)
    strongest__max    Greatest       [is there][value]            GREATEST   (every int64 is a value: a flag is needed)
    last_delay__last  Latest         [event_time][reference]      LATEST     (the text lies beside the row)

A slot is an int64; float columns keep the bits of a float64, NaN for nothing.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from schemas.core.aggregates import (
    Earliest,
    FloatTotal,
    Greatest,
    Kind,
    Latest,
    Least,
    State,
    Tally,
    Total,
    partials_of,
)
from schemas.core.names import N, partial_column
from schemas.core.picks import INSTANT_WIDTH
from schemas.core.types import INT64_MAX, Decimal, Float64, Value
from schemas.core.views import View


class Op(IntEnum):
    """How two slots (or pairs of slots) become one."""

    ADD = 0
    ADD_WIDE = 1
    ADD_FLOAT = 2
    LEAST = 3
    GREATEST = 4
    LEAST_FLOAT = 5
    GREATEST_FLOAT = 6
    EARLIEST = 7
    LATEST = 8


NO_EARLIEST: Final = INT64_MAX
NO_LATEST: Final = -1
"""The time slot of a pick that is not there: sorts behind every pick, so that merging needs no case for it."""

_NAN: Final = struct.unpack("<q", struct.pack("<d", float("nan")))[0]
_ZEROS: Final[Mapping[Op, tuple[int, ...]]] = {
    Op.ADD: (0,),
    Op.ADD_WIDE: (0, 0),
    Op.ADD_FLOAT: (0,),
    Op.LEAST: (0, 0),
    Op.GREATEST: (0, 0),
    Op.LEAST_FLOAT: (_NAN,),
    Op.GREATEST_FLOAT: (_NAN,),
    Op.EARLIEST: (NO_EARLIEST, -1),
    Op.LATEST: (NO_LATEST, -1),
}
_LOW: Final = 2**64 - 1

PickOf = Callable[[int], bytes]
"""The bytes of a pick from the reference in its slot."""


@dataclass(frozen=True)
class Column:
    """A stored column: its slots are `[at, at + size)`."""

    name: str
    kind: Kind
    op: Op
    at: int

    @property
    def zeros(self) -> tuple[int, ...]:
        """Its slots where nothing was merged: the identity of its operation."""
        return _ZEROS[self.op]

    @property
    def size(self) -> int:
        """How many slots it takes."""
        return len(self.zeros)

    @property
    def is_pick(self) -> bool:
        """Whether its value is a text beside the row."""
        return self.op in (Op.EARLIEST, Op.LATEST)


@dataclass(frozen=True)
class Layout:
    """`_n` and the columns of one view, in the order of `view.partials`; `width` is the number of slots."""

    columns: tuple[Column, ...]
    width: int

    @functools.cached_property
    def zeros(self) -> tuple[int, ...]:
        """The row of no events."""
        return tuple(slot for column in self.columns for slot in column.zeros)

    @functools.cached_property
    def by_name(self) -> Mapping[str, Column]:
        """The columns by name."""
        return {column.name: column for column in self.columns}

    def decode(self, slots: list[int], pick_of: PickOf) -> dict[str, Value]:
        """The partials of a row by column name, as the algebra of the core has them."""
        return {
            column.name: _decode(column, slots[column.at : column.at + column.size], pick_of)
            for column in self.columns[1:]
        }


def layout_of(view: View) -> Layout:
    """The slots of a view."""
    columns = [Column(N, Tally(), Op.ADD, 0)]
    at = columns[0].size
    for name, partial in view.partials:
        columns.append(Column(name, partial.kind, op_of(partial.kind), at))
        at += columns[-1].size
    return Layout(tuple(columns), at)


def op_of(kind: Kind) -> Op:
    """The operation of a kind of partial."""
    match kind:
        case Tally():
            return Op.ADD
        case Total():
            return Op.ADD_WIDE
        case FloatTotal():
            return Op.ADD_FLOAT
        case Least(of):
            return Op.LEAST_FLOAT if isinstance(of, Float64) else Op.LEAST
        case Greatest(of):
            return Op.GREATEST_FLOAT if isinstance(of, Float64) else Op.GREATEST
        case Earliest():
            return Op.EARLIEST
        case Latest():
            return Op.LATEST


def state_of(view: View, measure: str, partials: Mapping[str, Value]) -> State:
    """The state of one measure's aggregate out of a row's partials."""
    aggregate = dict(view.measures)[measure].aggregate
    return tuple(partials[partial_column(measure, partial.name)] for partial in partials_of(aggregate))


def narrow(value: int) -> tuple[int, int]:
    """A sum as its two slots.

    >>> narrow(-1)
    (-1, -1)
    """
    low = value & _LOW
    return low - 2**64 if low >= 2**63 else low, value >> 64


def widen(low: int, high: int) -> int:
    """The sum in two slots."""
    return (high << 64) | (low & _LOW)


def float_of(slot: int) -> float:
    """The float64 whose bits a slot holds."""
    value: float = struct.unpack("<d", struct.pack("<q", slot))[0]
    return value


def scale_of(kind: Kind) -> int | None:
    """The digits after the point of a column that travels as decimal text, else None."""
    match kind:
        case Total(scale) | Least(Decimal(scale)) | Greatest(Decimal(scale)):
            return scale
    return None


def pick_time(pick: str | bytes) -> int:
    """The head of a pick as the number that orders picks; ties are settled by the whole text."""
    return int(pick[:INSTANT_WIDTH])


def _decode(column: Column, slots: list[int], pick_of: PickOf) -> Value:
    match column.op:
        case Op.ADD:
            return slots[0]
        case Op.ADD_WIDE:
            return widen(slots[0], slots[1])
        case Op.ADD_FLOAT:
            return float_of(slots[0])
        case Op.LEAST | Op.GREATEST:
            return slots[1] if slots[0] else None
        case Op.LEAST_FLOAT | Op.GREATEST_FLOAT:
            value = float_of(slots[0])
            return None if math.isnan(value) else value
        case Op.EARLIEST | Op.LATEST:
            return None if slots[0] in (NO_EARLIEST, NO_LATEST) else pick_of(slots[1]).decode()
