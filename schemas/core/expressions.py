"""How people write expressions: `col("arr_delay") > 15`, `when(…, a, b)`; operators build nodes.

An `Expr` is only a pen: definitions keep its `node`. Two definitions are therefore compared as values, while
`==` between expressions stays free to mean SQL's equality.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Iterable
from datetime import datetime
from typing import cast

from schemas.core.errors import DefinitionError
from schemas.core.instants import to_instant
from schemas.core.nodes import (
    And,
    Arithmetic,
    Column,
    Compare,
    Comparison,
    IsIn,
    IsNull,
    Literal,
    Node,
    Not,
    Operation,
    Or,
    When,
)
from schemas.core.types import (
    DECIMAL_DIGITS,
    FLOAT_BOUND,
    INT64_MAX,
    INT64_MIN,
    Bool,
    Decimal,
    Float64,
    Int64,
    String,
    Timestamp,
)

Constant = bool | int | float | str | decimal.Decimal | datetime | None


class Expr:
    """An expression under construction; `node` is what a definition keeps."""

    __slots__ = ("node",)

    def __init__(self, node: Node) -> None:
        self.node = node

    def __eq__(self, other: object) -> Expr:  # type: ignore[override]
        return self._compare("=", other)

    def __ne__(self, other: object) -> Expr:  # type: ignore[override]
        return self._compare("<>", other)

    def __lt__(self, other: Operand) -> Expr:
        return self._compare("<", other)

    def __le__(self, other: Operand) -> Expr:
        return self._compare("<=", other)

    def __gt__(self, other: Operand) -> Expr:
        return self._compare(">", other)

    def __ge__(self, other: Operand) -> Expr:
        return self._compare(">=", other)

    def __and__(self, other: Operand) -> Expr:
        return Expr(And(self.node, node_of(other)))

    def __or__(self, other: Operand) -> Expr:
        return Expr(Or(self.node, node_of(other)))

    def __invert__(self) -> Expr:
        return Expr(Not(self.node))

    def __add__(self, other: Operand) -> Expr:
        return self._arithmetic("+", other)

    def __sub__(self, other: Operand) -> Expr:
        return self._arithmetic("-", other)

    def __mul__(self, other: Operand) -> Expr:
        return self._arithmetic("*", other)

    def __truediv__(self, other: Operand) -> Expr:
        return self._arithmetic("/", other)

    def is_null(self) -> Expr:
        """True where there is no value."""
        return Expr(IsNull(self.node))

    def is_not_null(self) -> Expr:
        """True where there is a value."""
        return Expr(Not(IsNull(self.node)))

    def is_in(self, among: Iterable[Constant]) -> Expr:
        """Equality with any of the constants, none of which is null."""
        literals = tuple(literal(each) for each in among)
        if not literals or any(each.value is None for each in literals):
            raise DefinitionError("`is_in` needs one or more constants, none of them null; test null with `is_null()`")
        return Expr(IsIn(self.node, literals))

    def _compare(self, operator: Comparison, other: object) -> Expr:
        if other is None:
            raise DefinitionError(f"`{operator}` with null is always null; write `is_null()` or `is_not_null()`")
        return Expr(Compare(operator, self.node, node_of(cast("Operand", other))))

    def _arithmetic(self, operator: Operation, other: Operand) -> Expr:
        return Expr(Arithmetic(operator, self.node, node_of(other)))

    def __bool__(self) -> bool:
        raise DefinitionError("an expression has no truth value here; combine with `&`, `|` and `~`, in parentheses")

    def __hash__(self) -> int:
        return hash(self.node)

    def __repr__(self) -> str:
        return f"Expr({self.node!r})"


Operand = Expr | Constant


def col(name: str) -> Expr:
    """A field of the event, or `event_id`, `event_time`, `available_at`."""
    return Expr(Column(name))


def when(condition: Expr, then: Operand, otherwise: Operand = None) -> Expr:
    """`then` where `condition` is true, else `otherwise`."""
    return Expr(When(condition.node, node_of(then), node_of(otherwise)))


def node_of(operand: Operand) -> Node:
    """The node of an expression or a constant."""
    return operand.node if isinstance(operand, Expr) else literal(operand)


def literal(value: Constant) -> Literal:
    """A typed constant; raises DefinitionError for what no engine holds (NaN, 65 bits, 19 digits)."""
    match value:
        case None:
            return Literal(None, None)
        case bool():
            return Literal(value, Bool())
        case int():
            if not INT64_MIN <= value <= INT64_MAX:
                raise DefinitionError(f"`{value}` does not fit 64 bits; use a float or a decimal")
            return Literal(value, Int64())
        case float():
            if not math.isfinite(value) or abs(value) > FLOAT_BOUND:
                raise DefinitionError(f"`{value}` is not a finite number within ±{FLOAT_BOUND:g}; choose one")
            return Literal(value + 0.0, Float64())
        case str():
            return Literal(value, String())
        case decimal.Decimal():
            return _decimal_literal(value)
        case datetime():
            return Literal(to_instant(value), Timestamp())
    raise DefinitionError(f"`{value!r}` is no constant; use bool, int, float, str, Decimal, an aware datetime or None")


def _decimal_literal(value: decimal.Decimal) -> Literal:
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or not -DECIMAL_DIGITS <= exponent <= 0 or len(digits) > DECIMAL_DIGITS:
        raise DefinitionError(f"`{value}` is no plain decimal of at most {DECIMAL_DIGITS} digits; write one")
    unscaled = int("".join(map(str, digits)))
    return Literal(-unscaled if sign else unscaled, Decimal(-exponent))
