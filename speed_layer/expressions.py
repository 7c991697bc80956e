"""Expressions and values as Flink SQL text; every function is one `match` over a closed set."""

from __future__ import annotations

import decimal

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
    Operation,
    Or,
    When,
)
from schemas.core.types import (
    DECIMAL_DIGITS,
    FLOAT_BOUND,
    Bool,
    Decimal,
    Float64,
    Int64,
    String,
    Timestamp,
    Type,
    Value,
)


def sql_type(of: Type) -> str:
    """The column type; timestamps are milliseconds."""
    match of:
        case Bool():
            return "BOOLEAN"
        case Int64() | Timestamp():
            return "BIGINT"
        case Float64():
            return "DOUBLE"
        case Decimal(scale):
            return f"DECIMAL({DECIMAL_DIGITS}, {scale})"
        case String():
            return "STRING"


def expression_sql(node: Node) -> str:
    """A resolved expression; no value of any column makes it throw."""
    match node:
        case Column(name):
            return quoted(name)
        case Literal(value, of):
            assert of is not None, "a definition resolves its literals"
            return literal_sql(value, of)
        case Cast(operand, Decimal(scale)):
            return f"CAST({expression_sql(operand)} AS DECIMAL(38, {scale}))"
        case Cast(operand, to):
            return f"CAST({expression_sql(operand)} AS {sql_type(to)})"
        case Compare(operator, left, right):
            return f"({expression_sql(left)} {operator} {expression_sql(right)})"
        case IsIn(operand, among):
            return f"({expression_sql(operand)} IN ({', '.join(expression_sql(each) for each in among)}))"
        case And(left, right) | Or(left, right):
            word = "AND" if isinstance(node, And) else "OR"
            return f"({expression_sql(left)} {word} {expression_sql(right)})"
        case Not(operand):
            return f"(NOT {expression_sql(operand)})"
        case IsNull(operand):
            return f"({expression_sql(operand)} IS NULL)"
        case Arithmetic(operator, left, right):
            return _arithmetic(operator, expression_sql(left), expression_sql(right))
        case When(condition, then, otherwise):
            return (
                f"CASE WHEN {expression_sql(condition)} THEN {expression_sql(then)} "
                f"ELSE {expression_sql(otherwise)} END"
            )


def literal_sql(value: Value, of: Type) -> str:
    """A typed constant; numbers go through text, since a bare 19-digit or fractional one would be a DECIMAL."""
    if value is None:
        return f"CAST(NULL AS {sql_type(of)})"
    match of:
        case Bool():
            return "TRUE" if value else "FALSE"
        case Int64() | Timestamp():
            return f"CAST('{value}' AS BIGINT)"
        case Float64():
            return f"CAST('{float(value)!r}' AS DOUBLE)"
        case Decimal(scale):
            return f"CAST('{decimal.Decimal(int(value)).scaleb(-scale):f}' AS DECIMAL(38, {scale}))"
        case String():
            return text_sql(str(value))


def text_sql(text: str) -> str:
    """A string constant; in Flink a backslash is itself."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def quoted(name: str) -> str:
    """A name from the catalog, or a system column."""
    assert "`" not in name
    return f"`{name}`"


def bounded(number: str) -> str:
    """A float64 as null beyond the bound and as 0.0 for -0.0.

    Adding 0.0 would do the latter, but the planner takes it away. Sums of what is no -0.0 are none either.
    """
    return f"CASE WHEN {number} = 0e0 THEN 0e0 ELSE {_within(number)} END"


def _arithmetic(operator: Operation, left: str, right: str) -> str:
    calculated = f"({left} {operator} {right})"
    match operator:
        case "/":
            return f"CASE WHEN {right} <> 0e0 THEN {bounded(calculated)} END"
        case "*":
            return bounded(calculated)
    return _within(calculated)


def _within(number: str) -> str:
    return f"CASE WHEN ABS({number}) <= {FLOAT_BOUND!r} THEN {number} END"
