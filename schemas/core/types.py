"""The six field types and what a value of each may be; bounds are the same in every engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from schemas.core.errors import DefinitionError

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
FLOAT_BOUND: Final = 1e140
"""No float64 beyond this in magnitude: squares summed over 1e18 events then stay finite in every engine."""
DECIMAL_DIGITS: Final = 18


@dataclass(frozen=True)
class Bool:
    """JSON `true` or `false`."""


@dataclass(frozen=True)
class Int64:
    """A JSON number without fraction or exponent within 64 bits; `1.0` is `1`."""


@dataclass(frozen=True)
class Float64:
    """A JSON number whose magnitude is at most `FLOAT_BOUND`; -0.0 is 0.0."""


@dataclass(frozen=True)
class Decimal:
    """A JSON *string* such as `"12.34"`: at most `scale` digits after the point and 18 - `scale` before it.

    A string because producers' JSON numbers pass through binary floats. Held as an integer of 10^-scale.
    """

    scale: int

    def __post_init__(self) -> None:
        if not 0 <= self.scale <= DECIMAL_DIGITS:
            raise DefinitionError(f"decimal scale {self.scale} is outside 0 to {DECIMAL_DIGITS}; choose one within")


@dataclass(frozen=True)
class String:
    """Any JSON string; compared for equality only, since engines order text differently."""


@dataclass(frozen=True)
class Timestamp:
    """RFC 3339 text with a zone; held as an instant (milliseconds, floored)."""


Type = Bool | Int64 | Float64 | Decimal | String | Timestamp
Value = bool | int | float | str | None
"""A value in the reference: decimals are integers of 10^-scale, timestamps are instants."""


@dataclass(frozen=True)
class Field:
    """A typed field of an event; one that is not `nullable` must be there and not null."""

    type: Type
    nullable: bool = False

    @property
    def optional(self) -> Field:
        """The same field, absent or null allowed."""
        return Field(self.type, nullable=True)


bool_: Final = Field(Bool())
int64: Final = Field(Int64())
float64: Final = Field(Float64())
string: Final = Field(String())
timestamp: Final = Field(Timestamp())


def decimal(scale: int) -> Field:
    """A field of exact decimals with `scale` digits after the point."""
    return Field(Decimal(scale))


def type_name(of: Type) -> str:
    """The word a person reads: `float64`, `decimal(2)`."""
    match of:
        case Bool():
            return "bool"
        case Int64():
            return "int64"
        case Float64():
            return "float64"
        case Decimal(scale):
            return f"decimal({scale})"
        case String():
            return "string"
        case Timestamp():
            return "timestamp"
