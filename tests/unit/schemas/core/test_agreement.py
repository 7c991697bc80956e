"""How near two answers have to be: exact, but for float sums within 1e-9 of what went into them."""

from __future__ import annotations

from typing import Any, Final

import pytest

from schemas.core.aggregates import Aggregate
from schemas.core.agreement import agree, tolerance
from schemas.core.instants import Instant
from schemas.core.language import (
    Event,
    View,
    bool_,
    count,
    decimal,
    float64,
    int64,
    last,
    max_,
    mean,
    stddev,
    string,
    sum_,
    variance,
)
from schemas.core.measures import Measure
from schemas.core.records import Record
from schemas.core.types import Value

EVENT: Final = Event("it", fields={"k": string, "x": float64, "i": int64, "d": decimal(4), "b": bool_})


def aggregate_of(measure: Measure) -> Aggregate:
    return View("it", on=EVENT, by="k", features={"it": measure}).features[0].aggregate


def records(**values: list[Any]) -> list[Record]:
    [(field, given)] = values.items()
    return [Record(str(at), Instant(at), Instant(at), 0, at, {field: value}) for at, value in enumerate(given)]


@pytest.mark.parametrize(
    ("measure", "history", "expected"),
    [
        (sum_("x"), records(x=[3.0, -1.0]), 4e-9),
        (sum_("x"), [], 0.0),
        (mean("x"), records(x=[3.0, -1.0]), 2e-9),
        (mean("b"), records(b=[True, False]), 0.5e-9),
        (mean("i"), records(i=[3, -4]), 4e-9),
        (mean("d"), records(d=[30_000, -40_000]), 4e-9),  # 3.0000 and -4.0000
        (variance("x"), records(x=[3.0, -1.0]), 5e-9),
        (variance("x", around=3), records(x=[3.0, -1.0]), 8e-9),
        (stddev("x", around=1), records(x=[3.0, -1.0]), 4e-9),
        (sum_("i"), records(i=[1, 2]), 0.0),
        (max_("x"), records(x=[1.0, 2.0]), 0.0),
    ],
)
def test_tolerances(measure: Measure, history: list[Record], expected: float) -> None:
    assert tolerance(aggregate_of(measure), history) == pytest.approx(expected)


HISTORY: Final = records(x=[3.0, -1.0])


@pytest.mark.parametrize(
    ("measure", "left", "right", "agreed"),
    [
        (count(), 2, 2, True),
        (count(), 2, 3, False),
        (count(), 1, True, False),
        (sum_("x"), 2.0, 2.0 + 3e-9, True),
        (sum_("x"), 2.0, 2.0 + 5e-9, False),
        (sum_("x"), None, None, True),
        (sum_("x"), 2.0, None, False),
        (sum_("x"), None, 2.0, False),
        (sum_("i"), 2**70, 2**70 + 1, False),
        (sum_("d"), "1.0000", "1.0000", True),
        (sum_("d"), "1.0000", "1.0001", False),
        (max_("x"), 2.0, 2.0000000001, False),
        (last("x"), 2.0, 2.0000000001, False),
        (last("k"), "a", "a", True),
        (last("b"), True, 1.0, False),
        (stddev("x"), 2.0, 2.0 + 1e-9, True),  # the squares differ by 4e-9
        (stddev("x"), 2.0, 2.0 + 2e-9, False),
    ],
)
def test_agreement(measure: Measure, left: Value, right: Value, agreed: bool) -> None:
    assert agree(aggregate_of(measure), left, right, HISTORY) is agreed
    assert agree(aggregate_of(measure), right, left, HISTORY) is agreed
