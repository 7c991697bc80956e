"""The algebra: each law is a function of an aggregate, and every aggregate over every type obeys all of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Final

from hypothesis import given, note, settings
from hypothesis import strategies as st

from schemas.core.aggregates import (
    Aggregate,
    Count,
    First,
    FloatTotal,
    Last,
    Max,
    Mean,
    Min,
    State,
    Stddev,
    Sum,
    Variance,
    add,
    lift,
    merge,
    partials_of,
    present,
    zero,
)
from schemas.core.agreement import PRECISION, agree
from schemas.core.evaluation import evaluate
from schemas.core.language import View, col, count, first, last, max_, mean, min_, stddev, sum_, variance, when
from schemas.core.measures import Measure
from schemas.core.records import Record
from schemas.core.types import Value
from tests.laws.by_hand import by_hand
from tests.laws.records import EVENT, histories

MEASURES: Final[dict[str, Measure]] = {
    "count": count(),
    **{f"sum of {field}": sum_(field) for field in "bixd"},
    "sum of a condition": sum_(col("i") > 0),
    "sum of arithmetic": sum_(col("x") * col("i")),
    **{f"mean of {field}": mean(field) for field in "bixd"},
    "mean of a choice": mean(when(col("b"), col("x"), 0)),
    **{f"min of {field}": min_(field) for field in "ixdt"},
    **{f"max of {field}": max_(field) for field in "ixdt"},
    **{f"variance of {field}": variance(field) for field in "ix"},
    "variance around 1e9": variance("x", around=1e9),
    **{f"stddev of {field}": stddev(field, around=1) for field in "ix"},
    **{f"first of {field}": first(field) for field in "bixdst"},
    **{f"last of {field}": last(field) for field in "bixdst"},
    "last id": last("event_id"),
}


def aggregate_of(measure: Measure) -> Aggregate:
    return View("it", on=EVENT, by="s", features={"it": measure}).features[0].aggregate


AGGREGATES: Final = {name: aggregate_of(measure) for name, measure in MEASURES.items()}


def values_of(aggregate: Aggregate, records: Sequence[Record]) -> list[tuple[Record, Value]]:
    if isinstance(aggregate, Count):
        return [(record, 1) for record in records]
    found = [(record, evaluate(aggregate.of, record.row)) for record in records]
    return [(record, value) for record, value in found if value is not None]


def fold(aggregate: Aggregate, records: Sequence[Record]) -> State:
    state = zero(aggregate)
    for record in records:
        state = add(aggregate, state, record)
    return state


def alike(aggregate: Aggregate, left: State, right: State, records: Sequence[Record]) -> bool:
    """Equal, but for float sums, which are equal within the sum of the magnitudes that went into them."""
    for partial, a, b in zip(partials_of(aggregate), left, right, strict=True):
        if not isinstance(partial.kind, FloatTotal):
            if a != b:
                return False
            continue
        around = aggregate.around if isinstance(aggregate, Variance | Stddev) else 0.0
        power = 2 if partial.name == "squares" else 1
        magnitude = math.fsum(abs(float(v or 0) - around) ** power for _, v in values_of(aggregate, records))
        assert isinstance(a, float)
        assert isinstance(b, float)
        if abs(a - b) > PRECISION * magnitude:
            return False
    return True


Law = Callable[[Aggregate, list[Record], list[Record], list[Record]], None]


def zero_is_the_identity(aggregate: Aggregate, a: list[Record], _b: list[Record], _c: list[Record]) -> None:
    state = fold(aggregate, a)
    assert merge(aggregate, zero(aggregate), state) == state
    assert merge(aggregate, state, zero(aggregate)) == state


def merge_is_commutative(aggregate: Aggregate, a: list[Record], b: list[Record], _c: list[Record]) -> None:
    left, right = fold(aggregate, a), fold(aggregate, b)
    assert merge(aggregate, left, right) == merge(aggregate, right, left)


def merge_is_associative(aggregate: Aggregate, a: list[Record], b: list[Record], c: list[Record]) -> None:
    x, y, z = fold(aggregate, a), fold(aggregate, b), fold(aggregate, c)
    left = merge(aggregate, merge(aggregate, x, y), z)
    right = merge(aggregate, x, merge(aggregate, y, z))
    assert alike(aggregate, left, right, [*a, *b, *c])


def merging_parts_is_the_whole(aggregate: Aggregate, a: list[Record], b: list[Record], c: list[Record]) -> None:
    parts = merge(aggregate, fold(aggregate, b), merge(aggregate, fold(aggregate, a), fold(aggregate, c)))
    assert alike(aggregate, parts, fold(aggregate, [*a, *b, *c]), [*a, *b, *c])


def order_does_not_matter(aggregate: Aggregate, a: list[Record], b: list[Record], c: list[Record]) -> None:
    records = [*a, *b, *c]
    assert alike(aggregate, fold(aggregate, records), fold(aggregate, records[::-1]), records)


def add_is_merge_of_lift(aggregate: Aggregate, a: list[Record], b: list[Record], _c: list[Record]) -> None:
    state = fold(aggregate, a)
    for record in b:
        assert add(aggregate, state, record) == merge(aggregate, state, lift(aggregate, record))


def merging_changes_neither_side(aggregate: Aggregate, a: list[Record], b: list[Record], _c: list[Record]) -> None:
    left, right = fold(aggregate, a), fold(aggregate, b)
    for _ in range(10):
        merge(aggregate, left, right)
    assert (left, right) == (fold(aggregate, a), fold(aggregate, b))


def it_presents_what_it_says(aggregate: Aggregate, a: list[Record], b: list[Record], c: list[Record]) -> None:
    records = [*a, *b, *c]
    got, expected = present(aggregate, fold(aggregate, records)), by_hand(aggregate, values_of(aggregate, records))
    assert type(got) is type(expected)
    assert agree(aggregate, got, expected, records)


LAWS: Final[tuple[Law, ...]] = (
    zero_is_the_identity,
    merge_is_commutative,
    merge_is_associative,
    merging_parts_is_the_whole,
    order_does_not_matter,
    add_is_merge_of_lift,
    merging_changes_neither_side,
    it_presents_what_it_says,
)


# All aggregates over the same histories, whose drawing costs more than every law does over them.
@settings(max_examples=50)
@given(st.tuples(histories(6), histories(6), histories(6)))
def test_every_law_holds(parts: tuple[list[Record], list[Record], list[Record]]) -> None:
    a, b, c = (
        [Record(r.event_id, r.event_time, r.available_at, r.partition, 3 * r.offset + at, r.values) for r in part]
        for at, part in enumerate(parts)
    )
    for (name, aggregate), law in product(AGGREGATES.items(), LAWS):
        note(f"{law.__name__}: {name}")
        law(aggregate, a, b, c)


def test_every_aggregate_is_tried() -> None:
    assert {type(each) for each in AGGREGATES.values()} == {Count, Sum, Mean, Min, Max, Variance, Stddev, First, Last}
