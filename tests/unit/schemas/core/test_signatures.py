"""Values as numbers, and logistic regression in plain Python: what serving will do with what batch has learnt."""

from __future__ import annotations

import json
import math

import pytest

from schemas.core.errors import BadValue
from schemas.core.instants import Instant
from schemas.core.logistic import Logistic, decode_logistic
from schemas.core.signatures import MOST_CATEGORIES, Read, Signature, decode_signature, encode_signature, learnt
from schemas.core.types import Bool, Decimal, Float64, Int64, String, Timestamp, Value

SIGNATURE = Signature(
    (
        Read("b", Bool()),
        Read("i", Int64()),
        Read("x", Float64()),
        Read("d", Decimal(2)),
        Read("t", Timestamp()),
        Read("s", String(), ("a", "é")),
    )
)


def test_each_type_becomes_a_number() -> None:
    row: dict[str, Value] = {"b": True, "i": -3, "x": 1.5, "d": 1234, "t": 10_000, "s": "é", "another": 9}
    assert SIGNATURE.numbers(row, Instant(12_500)) == [1.0, -3.0, 1.5, 12.34, 2.5, 1.0]
    assert SIGNATURE.categorical == (5,)


def test_what_is_missing_or_was_not_learnt_is_no_number() -> None:
    assert all(math.isnan(number) for number in SIGNATURE.numbers({"s": "b", "x": None}, Instant(0)))


def test_a_signature_comes_back_through_text() -> None:
    assert decode_signature(encode_signature(SIGNATURE)) == SIGNATURE


@pytest.mark.parametrize(
    "text", ["", "7", "[1]", '[{"name": "x", "type": "pickle", "categories": []}]', '[{"name": "x"}]']
)
def test_what_is_no_signature_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="no signature of a model"):
        decode_signature(text)


def test_the_most_frequent_categories_are_learnt() -> None:
    assert learnt([("b", 2), ("a", 2), ("c", 9)]) == ("a", "b", "c")
    many = [(f"{number:04}", 1 + (number == 999)) for number in range(1000)]
    assert learnt(many) == (*(f"{number:04}" for number in range(MOST_CATEGORIES - 1)), "0999")


LINE = Logistic(means=(1.0, 0.0), scales=(2.0, 1.0), weights=(4.0, -1.0), intercept=0.5)


def test_a_score_by_hand() -> None:
    assert LINE.score([2.0, 1.0]) == pytest.approx(1 / (1 + math.exp(-(0.5 + 4 * 0.5 - 1))))
    assert LINE.score([math.nan, 1.0]) == pytest.approx(1 / (1 + math.exp(0.5)))
    assert LINE.score([-1e9, 0.0]) == pytest.approx(0.0)
    assert LINE.score([1e9, 0.0]) == 1.0


def test_a_line_comes_back_through_text() -> None:
    assert decode_logistic(LINE.encode()) == LINE


@pytest.mark.parametrize(
    "changed",
    [{"weights": [1.0]}, {"intercept": math.nan}, {"scales": [0.0, 1.0]}, {"means": [math.inf, 0]}, {"weights": "no"}],
)
def test_a_line_that_cannot_score_is_refused(changed: dict[str, object]) -> None:
    given = {**json.loads(LINE.encode()), **changed}
    with pytest.raises(BadValue, match="logistic regression"):
        decode_logistic(json.dumps(given))
