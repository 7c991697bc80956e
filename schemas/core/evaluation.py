"""The value of a resolved expression for one event, in plain Python: what both engines must agree with."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from schemas.core.nodes import (
    And,
    Arithmetic,
    Cast,
    Column,
    Compare,
    IsIn,
    IsNull,
    Literal,
    Node,
    Not,
    Or,
    When,
)
from schemas.core.resolution import type_of
from schemas.core.types import FLOAT_BOUND, Decimal, Float64, Value

_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


Row = Mapping[str, Value]
Evaluator = Callable[[Row], Value]


def evaluate(node: Node, row: Row) -> Value:
    """The value for one row of field values; a field that is absent from `row` is null."""
    return evaluator(node)(row)


def evaluator(node: Node) -> Evaluator:
    """The same as a function of the row alone, three times as fast: for one expression over many rows."""
    match node:
        case Column(name):
            return lambda row: row.get(name)
        case Literal(value):
            return lambda _: value
        case Cast(operand, to):
            of, inner = operand, evaluator(operand)
            return lambda row: _cast(inner(row), of, to)
        case Compare(sign, Column(name), Literal(value)) if value is not None:
            return _against(_COMPARISONS[sign], name, value)
        case Compare(sign, left, right):
            return _both(_COMPARISONS[sign], evaluator(left), evaluator(right))
        case IsIn(operand, among):
            inner, values = evaluator(operand), tuple(each.value for each in among)
            return lambda row: None if (found := inner(row)) is None else found in values
        case And(left, right) | Or(left, right):
            return _unless(isinstance(node, Or), evaluator(left), evaluator(right))
        case Not(operand):
            inner = evaluator(operand)
            return lambda row: None if (found := inner(row)) is None else not found
        case IsNull(Column(name)):
            return lambda row: row.get(name) is None
        case IsNull(operand):
            inner = evaluator(operand)
            return lambda row: inner(row) is None
        case Arithmetic(sign, left, right):
            a, b, operation = evaluator(left), evaluator(right), sign
            return lambda row: _calculate(operation, a(row), b(row))
        case When(condition, then, otherwise):
            test, yes, no = evaluator(condition), evaluator(then), evaluator(otherwise)
            return lambda row: yes(row) if test(row) is True else no(row)


def _against(compare: Callable[[Any, Any], bool], name: str, value: Value) -> Evaluator:
    def compared(row: Row) -> Value:
        a = row.get(name)
        return None if a is None else compare(a, value)

    return compared


def _both(compare: Callable[[Any, Any], bool], left: Evaluator, right: Evaluator) -> Evaluator:
    def compared(row: Row) -> Value:
        a, b = left(row), right(row)
        return None if a is None or b is None else compare(a, b)

    return compared


def _unless(decisive: bool, left: Evaluator, right: Evaluator) -> Evaluator:
    """And (`decisive` False) or Or (True): either side alone decides with that value, else a null makes it null."""

    def decided(row: Row) -> Value:
        a = left(row)
        if a is decisive:
            return decisive
        b = right(row)
        if b is decisive:
            return decisive
        return None if a is None or b is None else not decisive

    return decided


def _cast(value: Value, operand: Node, to: object) -> Value:
    if value is None or isinstance(value, str):
        return value
    match to:
        case Float64():
            return float(value)
        case Decimal(scale):
            of = type_of(operand)
            widened: int = int(value) * 10 ** (scale - (of.scale if isinstance(of, Decimal) else 0))
            return widened
    return int(value)


def _calculate(sign: str, left: Value, right: Value) -> float | None:
    if not isinstance(left, float) or not isinstance(right, float):
        return None
    match sign:
        case "+":
            result = left + right
        case "-":
            result = left - right
        case "*":
            result = left * right
        case _:
            if right == 0.0:
                return None
            result = left / right
    return result + 0.0 if abs(result) <= FLOAT_BOUND else None
