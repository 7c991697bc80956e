"""A pick sorts as text exactly as its record does, and gives its value back."""

from __future__ import annotations

import math
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.core.instants import Instant, parse_instant
from schemas.core.picks import decode_head, decode_pick, encode_pick
from schemas.core.records import IMPORTED, Record, order_of
from schemas.core.types import (
    FLOAT_BOUND,
    INT64_MAX,
    INT64_MIN,
    Bool,
    Decimal,
    Float64,
    Int64,
    String,
    Timestamp,
    Type,
    Value,
)

EARLIEST: Final = parse_instant("1600-01-01T00:00:00+23:59")
LATEST: Final = parse_instant("9999-12-31T23:59:59.999Z")
INSTANTS: Final = st.sampled_from([EARLIEST, -1, 0, 1, LATEST]) | st.integers(EARLIEST, LATEST)
TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4)
IDS: Final = st.sampled_from(["a", "aa", "a ", "a\0", "b", "é", "\uffff", "\U0001f600", "Z"]) | TEXT

RECORDS: Final = st.builds(
    Record,
    event_id=IDS,
    event_time=INSTANTS.map(Instant),
    available_at=INSTANTS.map(Instant),
    partition=st.sampled_from([IMPORTED, 0, 1, 2, 999]),
    offset=st.sampled_from([0, 1, 9, 10, INT64_MAX]) | st.integers(0, INT64_MAX),
    values=st.just({}),
)


@given(RECORDS, RECORDS, TEXT, TEXT)
def test_picks_sort_as_their_records(left: Record, right: Record, a: str, b: str) -> None:
    if order_of(left) != order_of(right):
        in_order = encode_pick(left, a, String()) < encode_pick(right, b, String())
        assert in_order is (order_of(left) < order_of(right))


# By UTF-16 units U+FFFF would come last; by UTF-8 bytes, and so here, the emoji does.
def test_ids_above_the_basic_plane_come_last() -> None:
    def pick(event_id: str) -> str:
        return encode_pick(Record(event_id, Instant(0), Instant(0), 0, 0, {}), 1, Int64())

    assert pick("\uffff") < pick("\U0001f600")
    assert "\uffff".encode("utf-16-be") > "\U0001f600".encode("utf-16-be")


VALUES: Final = [
    (Bool(), st.booleans()),
    (Int64(), st.integers(INT64_MIN, INT64_MAX)),
    (Float64(), st.floats(-FLOAT_BOUND, FLOAT_BOUND).map(lambda x: x + 0.0)),
    (Decimal(0), st.integers(1 - 10**18, 10**18 - 1)),
    (Decimal(2), st.integers(1 - 10**18, 10**18 - 1)),
    (Decimal(18), st.integers(1 - 10**18, 10**18 - 1)),
    (String(), st.text() | st.sampled_from([" ", "  a b  ", ""])),
    (Timestamp(), INSTANTS),
]


@pytest.mark.parametrize(("of", "values"), VALUES, ids=[str(of) for of, _ in VALUES])
def test_the_value_comes_back(of: Type, values: st.SearchStrategy[Value]) -> None:
    @settings(max_examples=40)
    @given(RECORDS, values)
    def comes_back(record: Record, value: Value) -> None:
        back = decode_pick(encode_pick(record, value, of), of)
        assert (back, type(back)) == (value, type(value))

    comes_back()


@pytest.mark.parametrize(
    ("text", "of", "value"),
    [
        ("1.0E16", Float64(), 1e16),  # as the engines write floats
        ("-0.0", Float64(), 0.0),
        ("12.50", Decimal(2), 1250),
        ("-0.05", Decimal(2), -5),
        ("0.000000000000000001", Decimal(18), 1),
        ("false", Bool(), False),
    ],
)
def test_values_are_read_in_the_notation_of_the_engines(text: str, of: Type, value: Value) -> None:
    head = encode_pick(Record("a", Instant(0), Instant(0), 0, 0, {}), "", String())
    decoded = decode_pick(head + text, of)
    assert decoded == value
    assert not isinstance(decoded, float) or math.copysign(1, decoded) == math.copysign(1, float(value or 0))


@given(RECORDS, TEXT)
def test_a_pick_gives_back_what_it_is_ordered_by(record: Record, text: str) -> None:
    event_time, event_id, available_at, partition, offset = decode_head(encode_pick(record, text, String()))
    assert (event_time, event_id.encode(), available_at, partition, offset) == order_of(record)
