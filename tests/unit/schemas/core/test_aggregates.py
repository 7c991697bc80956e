"""What each aggregate answers over values, and how an answer is written."""

from __future__ import annotations

from typing import Any, Final

import pytest

from schemas.core.aggregates import (
    Earliest,
    FloatTotal,
    Greatest,
    Kind,
    Latest,
    Least,
    Tally,
    Total,
    answer_value,
    merge_kind,
    present,
    zero,
)
from schemas.core.language import (
    Event,
    View,
    bool_,
    col,
    count,
    decimal,
    first,
    float64,
    int64,
    last,
    max_,
    mean,
    min_,
    stddev,
    sum_,
    variance,
)
from schemas.core.measures import Measure
from schemas.core.types import Bool, Decimal, Float64, Int64, String, Timestamp, Type, Value

EVENT: Final = Event(
    "it", fields={"k": int64, "b": bool_.optional, "i": int64.optional, "x": float64.optional, "d": decimal(2).optional}
)
N: Final = None


def answer(measure: Measure, field: str, *values: Any) -> Value:
    view = View("it", on=EVENT, by="k", features={"it": measure})
    events = [
        {"event_id": f"id{at}", "event_time": f"2013-11-23T12:00:{at:02}Z", "k": 1, field: value}
        for at, value in enumerate(values)
    ]
    return view.answer(events, {"k": 1}, "2013-11-23T12:01:00Z")["it"]


@pytest.mark.parametrize(
    ("measure", "field", "values", "expected"),
    [
        (count(), "i", [], 0),
        (count(), "i", [1, N, 2], 3),
        (sum_("i"), "i", [], N),
        (sum_("i"), "i", [N, N], N),
        (sum_("i"), "i", [1, N, -3], -2),
        (sum_("x"), "x", [0.5, 0.25], 0.75),
        (sum_("d"), "d", ["1.5", "-0.25", "0"], "1.25"),
        (sum_("b"), "b", [True, False, N, True], 2),
        (sum_(col("i") > 1), "i", [1, 2, 3, N], 2),
        (mean("i"), "i", [1, 2, N], 1.5),
        (mean("d"), "d", ["0.10", "0.20"], 0.15),
        (mean("b"), "b", [True, False, N, N], 0.5),
        (mean(col("i") > 1), "i", [1, 2, 3, N], 2 / 3),
        (mean("x"), "x", [N], N),
        (min_("x"), "x", [2.0, N, -1.5], -1.5),
        (max_("d"), "d", ["9.99", "10"], "10.00"),
        (max_("event_time"), "i", [1, 2], "2013-11-23T12:00:01.000Z"),
        (min_("i"), "i", [N], N),
        (variance("i"), "i", [1, 2, 3, 4], 1.25),
        (variance("x"), "x", [7.5], 0.0),
        (variance("x"), "x", [], N),
        (stddev("i"), "i", [2, 4, 4, 4, 5, 5, 7, 9], 2.0),
        (stddev("i", around=5), "i", [2, 4, 4, 4, 5, 5, 7, 9], 2.0),
        (first("x"), "x", [N, 1.5, 2.5], 1.5),
        (last("x"), "x", [1.5, 2.5, N], 2.5),
        (last("b"), "b", [True, False], False),
        (last("d"), "d", ["1", "-0.05"], "-0.05"),
        (last("event_id"), "i", [1, 2, 3], "id2"),
        (first("event_time"), "i", [1], "2013-11-23T12:00:00.000Z"),
        (last("i"), "i", [], N),
    ],
)
def test_answers(measure: Measure, field: str, values: list[Any], expected: Value) -> None:
    got = answer(measure, field, *values)
    assert (got, type(got)) == (
        pytest.approx(expected, rel=1e-15) if isinstance(expected, float) else expected,
        type(expected),
    )


def test_a_variance_is_never_negative() -> None:
    total, squares = 0.1 + 0.1 + 0.1, 0.1 * 0.1 + 0.1 * 0.1 + 0.1 * 0.1
    assert squares / 3 - (total / 3) ** 2 < 0
    assert answer(variance("x"), "x", 0.1, 0.1, 0.1) == 0.0
    assert answer(stddev("x"), "x", 0.1, 0.1, 0.1) == 0.0


@pytest.mark.parametrize(
    ("kind", "left", "right", "merged"),
    [
        (Tally(), 1, 2, 3),
        (Tally(), None, 2, 2),
        (Total(2), 10**37, 10**37, 2 * 10**37),
        (FloatTotal(), 0.5, None, 0.5),
        (Least(Int64()), 1, -1, -1),
        (Greatest(Float64()), 1.0, -1.0, 1.0),
        (Greatest(Float64()), None, None, None),
        (Earliest(String()), "a", "b", "a"),
        (Latest(String()), "a", "b", "b"),
        (Latest(String()), None, "b", "b"),
    ],
)
def test_partials_merge_by_kind_and_nothing_is_null(kind: Kind, left: Value, right: Value, merged: Value) -> None:
    assert merge_kind(kind, left, right) == merged
    assert merge_kind(kind, right, left) == merged


@pytest.mark.parametrize(
    ("value", "of", "written"),
    [
        (None, Decimal(2), None),
        (0, Decimal(2), "0.00"),
        (-5, Decimal(2), "-0.05"),
        (7, Decimal(0), "7"),
        (1, Decimal(18), "0.000000000000000001"),
        (10**37 + 1, Decimal(2), "1" + "0" * 35 + ".01"),  # 38 digits, none of them rounded
        (-1, Timestamp(), "1969-12-31T23:59:59.999Z"),
        (True, Bool(), True),
        (1.5, Float64(), 1.5),
        ("x", String(), "x"),
    ],
)
def test_an_answer_is_written_by_its_type(value: Value, of: Type, written: Value) -> None:
    assert answer_value(value, of) == written


def test_a_state_is_not_changed_by_presenting_it() -> None:
    view = View("it", on=EVENT, by="k", features={"v": stddev("x")})
    aggregate = view.features[0].aggregate
    assert [present(aggregate, zero(aggregate)) for _ in range(3)] == [None] * 3


def test_a_state_of_another_aggregate_is_our_mistake() -> None:
    view = View("it", on=EVENT, by="k", features={"v": stddev("x"), "n": count()})
    deviation, number = (feature.aggregate for feature in view.features)
    with pytest.raises(AssertionError, match="cannot hold"):
        present(number, zero(deviation))
    with pytest.raises(AssertionError, match="cannot add"):
        merge_kind(Tally(), "a", 1)
