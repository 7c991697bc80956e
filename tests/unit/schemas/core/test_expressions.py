"""SQL's three values, arithmetic that both engines share, and what `resolve` writes down."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal as Exact
from typing import Any, Final

import pytest

from schemas.core.evaluation import evaluate
from schemas.core.expressions import Expr, col, literal, when
from schemas.core.nodes import Cast, Column, Compare, Literal
from schemas.core.resolution import columns_of, resolve, type_of
from schemas.core.types import Bool, Decimal, Float64, Int64, String, Timestamp, Type, Value

TYPES: Final[Mapping[str, Type]] = {
    "p": Bool(),
    "q": Bool(),
    "i": Int64(),
    "j": Int64(),
    "x": Float64(),
    "y": Float64(),
    "d": Decimal(2),
    "e": Decimal(4),
    "s": String(),
    "t": Timestamp(),
}
T, F, N = True, False, None


def value(expression: Expr, **row: Value) -> Value:
    return evaluate(resolve(expression.node, TYPES), row)


@pytest.mark.parametrize(
    ("p", "q", "both", "either"),
    [
        (T, T, T, T),
        (T, F, F, T),
        (T, N, N, T),
        (F, T, F, T),
        (F, F, F, F),
        (F, N, F, N),
        (N, T, N, T),
        (N, F, F, N),
        (N, N, N, N),
    ],
)
def test_and_or(p: bool | None, q: bool | None, both: bool | None, either: bool | None) -> None:
    assert value(col("p") & col("q"), p=p, q=q) is both
    assert value(col("p") | col("q"), p=p, q=q) is either


@pytest.mark.parametrize("compare", [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize("i", [-1, 0, 1, None])
def test_a_field_against_a_constant_is_as_against_a_field(compare: Callable[[Any, Any], Any], i: int | None) -> None:
    expected = None if i is None else compare(i, 0)
    assert value(compare(col("i"), 0), i=i) is expected
    assert value(compare(col("i"), col("j")), i=i, j=0) is expected
    assert value(compare(col("i"), 0)) is None


@pytest.mark.parametrize(("p", "negated", "null", "chosen"), [(T, F, F, "yes"), (F, T, F, "no"), (N, N, T, "no")])
def test_not_is_null_when(p: bool | None, negated: bool | None, null: bool, chosen: str) -> None:
    assert value(~col("p"), p=p) is negated
    assert value(col("p").is_null(), p=p) is null
    assert value(col("p").is_not_null(), p=p) is not null
    assert value(when(col("p"), "yes", "no"), p=p) == chosen


COMPARISONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@pytest.mark.parametrize("sign", COMPARISONS)
@pytest.mark.parametrize(("left", "right"), [(1, 2), (2, 2), (3, 2), (None, 2), (2, None), (None, None)])
def test_comparison_is_null_beside_null(sign: str, left: int | None, right: int | None) -> None:
    expected = None if left is None or right is None else COMPARISONS[sign](left, right)
    assert value(COMPARISONS[sign](col("i"), col("j")), i=left, j=right) is expected


def test_is_in() -> None:
    assert value(col("s").is_in(["a", "b"]), s="b") is True
    assert value(col("s").is_in(["a", "b"]), s="c") is False
    assert value(col("s").is_in(["a", "b"]), s=None) is None
    assert value(col("d").is_in([1, Exact("0.5")]), d=50) is True
    assert value(col("x").is_in([1]), x=1.0) is True


@pytest.mark.parametrize(
    ("expression", "x", "y", "expected"),
    [
        (col("x") + col("y"), 1.5, 2.0, 3.5),
        (col("x") - col("y"), 1.5, 2.0, -0.5),
        (col("x") * col("y"), 1.5, -2.0, -3.0),
        (col("x") / col("y"), 1.0, 4.0, 0.25),
        (col("x") / col("y"), 1.0, 0.0, None),
        (col("x") / col("y"), 0.0, 0.0, None),
        (col("x") + col("y"), None, 2.0, None),
        (col("x") + col("y"), 2.0, None, None),
        (col("x") * col("y"), 1e140, 1.0, 1e140),
        (col("x") * col("y"), 1e140, 1.1, None),
        (col("x") / col("y"), 1e140, 1e-300, None),
        (col("x") * col("y"), 1e-200, 1e-200, 0.0),
    ],
)
def test_arithmetic_is_null_where_engines_would_part(
    expression: Expr, x: float | None, y: float | None, expected: float | None
) -> None:
    assert value(expression, x=x, y=y) == expected


def test_no_negative_zero_comes_out() -> None:
    assert str(value(col("x") * col("y"), x=0.0, y=-1.0)) == "0.0"


def test_whole_numbers_become_floats_in_arithmetic() -> None:
    assert value(col("i") / 2, i=1) == 0.5
    assert value(col("i") + col("x"), i=2**53 + 1, x=0.0) == float(2**53)


@pytest.mark.parametrize(
    ("expression", "row", "expected"),
    [
        (col("i") == col("x"), {"i": 2**53 + 1, "x": float(2**53)}, True),  # the nearest float64
        (col("d") == col("e"), {"d": 150, "e": 15000}, True),
        (col("i") < col("d"), {"i": 1, "d": 101}, True),
        (col("d") >= Exact("1.500"), {"d": 150}, True),
        (col("d") < 10**18, {"d": 10**18 - 1}, True),  # beyond 18 digits, within the 38 of a comparison
        (when(col("p"), col("d"), 0) == 0, {"p": False}, True),
        (col("t") > datetime(1970, 1, 1, 0, 0, 0, 500_900, tzinfo=UTC), {"t": 501}, True),
        (col("t") > datetime(1970, 1, 1, 0, 0, 0, 500_900, tzinfo=UTC), {"t": 500}, False),
    ],
)
def test_both_sides_are_widened_to_one_type(expression: Expr, row: Mapping[str, Value], expected: bool) -> None:
    assert value(expression, **row) is expected


def test_a_coercion_is_written_down() -> None:
    resolved = resolve((col("i") > 1.5).node, TYPES)
    assert resolved == Compare(">", Cast(Column("i", Int64()), Float64()), Literal(1.5, Float64()))


def test_an_untyped_null_takes_the_type_beside_it() -> None:
    resolved = resolve(when(col("p"), None, col("d")).node, TYPES)
    assert type_of(resolved) == Decimal(2)
    assert evaluate(resolved, {"p": True, "d": 1}) is None


def test_columns_of_finds_every_field() -> None:
    expression = when(col("p") & (col("i") > 1), col("x") + col("y"), 0.0).is_null() | col("s").is_in(["a"]) | ~col("q")
    assert columns_of(resolve(expression.node, TYPES)) == {"p", "i", "x", "y", "s", "q"}


@pytest.mark.parametrize(
    ("constant", "node"),
    [
        (True, Literal(True, Bool())),
        (1, Literal(1, Int64())),
        (-0.0, Literal(0.0, Float64())),
        ("1", Literal("1", String())),
        (Exact("-1.50"), Literal(-150, Decimal(2))),
        (datetime(1969, 12, 31, 23, 59, 59, 999_500, tzinfo=UTC), Literal(-1, Timestamp())),
        (None, Literal(None, None)),
    ],
)
def test_constants(constant: Any, node: Literal) -> None:
    assert literal(constant) == node
    assert repr(literal(constant)) == repr(node)
