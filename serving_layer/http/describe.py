"""Definitions in words: an expression as one would write it in SQL, an aggregate as a call."""

from __future__ import annotations

import json

from schemas.core.aggregates import Aggregate, Count, Stddev, Variance, answer_value
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
from schemas.core.types import String


def aggregate_text(aggregate: Aggregate) -> str:
    """`count()`, `mean(arr_delay > 15)`, `stddev(dep_delay, around=12)`."""
    name = type(aggregate).__name__.lower()
    match aggregate:
        case Count():
            return f"{name}()"
        case Variance(of, around) | Stddev(of, around) if around:
            return f"{name}({expression_text(of)}, around={around:g})"
    return f"{name}({expression_text(aggregate.of)})"


def expression_text(node: Node) -> str:
    """`arr_delay is not null and dest in ("BOS", "SFO")`; casts are left out, for nobody writes them."""
    match node:
        case Column(name):
            return name
        case Literal():
            return _literal_text(node)
        case Cast(operand, _):
            return expression_text(operand)
        case Compare(sign, left, right) | Arithmetic(sign, left, right):
            return f"{_operand(left)} {sign} {_operand(right)}"
        case And(left, right):
            return f"{_operand(left)} and {_operand(right)}"
        case Or(left, right):
            return f"{_operand(left)} or {_operand(right)}"
        case IsIn(operand, among):
            return f"{_operand(operand)} in ({', '.join(_literal_text(each) for each in among)})"
        case Not(IsNull(operand)):
            return f"{_operand(operand)} is not null"
        case Not(operand):
            return f"not {_operand(operand)}"
        case IsNull(operand):
            return f"{_operand(operand)} is null"
        case When(condition, then, otherwise):
            return f"when({', '.join(expression_text(each) for each in (condition, then, otherwise))})"


def _operand(node: Node) -> str:
    while isinstance(node, Cast):
        node = node.operand
    text = expression_text(node)
    return text if isinstance(node, Column | Literal | When) else f"({text})"


def _literal_text(literal: Literal) -> str:
    if literal.value is None or literal.type is None:
        return "null"
    shown = answer_value(literal.value, literal.type)
    if isinstance(shown, float):
        return repr(shown).removesuffix(".0")  # as it is mostly written
    return str(shown) if isinstance(shown, str) and not isinstance(literal.type, String) else json.dumps(shown)
