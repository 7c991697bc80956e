"""The closed set of expression nodes; every compiler is one `match` over them.

Nodes are plain values. People write them through `expressions`; `resolve` there gives each column its type and
makes each coercion a `Cast`, so a compiler never infers a type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal as OneOf

from schemas.core.types import Decimal, Float64, Int64, Type, Value

Comparison = OneOf["=", "<>", "<", "<=", ">", ">="]
Operation = OneOf["+", "-", "*", "/"]


@dataclass(frozen=True)
class Column:
    """A field of the event; `type` is None until resolved."""

    name: str
    type: Type | None = None


@dataclass(frozen=True)
class Literal:
    """A constant; `type` is None only for a null that is not yet resolved."""

    value: Value
    type: Type | None


@dataclass(frozen=True)
class Cast:
    """A lossless widening, or int64 to the nearest float64; written by `resolve` alone."""

    operand: Node
    to: Float64 | Decimal | Int64


@dataclass(frozen=True)
class Compare:
    """Null where either side is null; both sides have one type once resolved."""

    operator: Comparison
    left: Node
    right: Node


@dataclass(frozen=True)
class IsIn:
    """Equality with any of the literals; null for null."""

    operand: Node
    among: tuple[Literal, ...]


@dataclass(frozen=True)
class And:
    """SQL's three-valued conjunction."""

    left: Node
    right: Node


@dataclass(frozen=True)
class Or:
    """SQL's three-valued disjunction."""

    left: Node
    right: Node


@dataclass(frozen=True)
class Not:
    """Null for null."""

    operand: Node


@dataclass(frozen=True)
class IsNull:
    """Never null itself."""

    operand: Node


@dataclass(frozen=True)
class Arithmetic:
    """On float64 alone; null where an operand is null, the divisor is zero, or |result| > FLOAT_BOUND."""

    operator: Operation
    left: Node
    right: Node


@dataclass(frozen=True)
class When:
    """`then` where the condition is true, `otherwise` where it is false or null."""

    condition: Node
    then: Node
    otherwise: Node


Node = Column | Literal | Cast | Compare | IsIn | And | Or | Not | IsNull | Arithmetic | When
