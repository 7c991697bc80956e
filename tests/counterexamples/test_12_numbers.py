"""Numbers on which sums, variances, instants and orders of text go wrong."""

from __future__ import annotations

from typing import Any

from schemas.core.agreement import agree
from schemas.core.language import (
    Event,
    View,
    count,
    decimal,
    first,
    float64,
    int64,
    last,
    max_,
    min_,
    string,
    sum_,
    variance,
)
from schemas.core.measures import Measure
from schemas.core.records import Record
from tests.counterexamples.histories import at, everywhere

EVENT = Event(
    "it",
    fields={"k": string, "x": float64.optional, "i": int64.optional, "d": decimal(2).optional},
    epoch="10s",
    horizon="25s",
)


def view(**features: Measure) -> View:
    return View("it", on=EVENT, by="k", features=features)


def records(field: str, *values: Any) -> list[Record]:
    """One event a value, 3 s apart, so that epochs and segments hold some of them each."""
    return [
        Record(f"id{number}", at(3 * number), at(3 * number), 0, number, {"k": "k", field: value})
        for number, value in enumerate(values)
    ]


# 0: 1e16   3: 1   6: -1e16       the 1 may be lost, within 1e-9 of the sum of magnitudes
def test_a_float_sum_is_exact_to_its_magnitudes() -> None:
    history, asked = records("x", 1e16, 1.0, -1e16), view(total=sum_("x"))
    total = asked.features[0].aggregate
    assert agree(total, everywhere(history, 10, asked)["total"], 1.0, history)
    assert not agree(total, 3e7, 1.0, history)


def test_a_variance_far_from_zero_needs_around() -> None:
    history = records("x", 1e9, 1e9 + 1, 1e9 + 2)
    asked = view(near=variance("x", around=1e9), far=variance("x"))
    answer = everywhere(history, 10, asked)
    near, far = (feature.aggregate for feature in asked.features)
    assert agree(near, answer["near"], 2 / 3, history)
    assert not agree(near, answer["near"], 2 / 3 + 1e-8, history)
    assert agree(far, answer["far"], 2 / 3, history)  # within 1e-9 of 1e18: any number of this size does
    assert isinstance(answer["far"], float)
    assert answer["far"] >= 0


def test_the_variance_of_one_value_is_zero() -> None:
    assert everywhere(records("x", 0.1), 10, view(v=variance("x")))["v"] == 0.0


def test_sums_beyond_64_bits_are_exact() -> None:
    most = 2**63 - 1
    assert everywhere(records("i", most, most, most), 10, view(s=sum_("i")))["s"] == 3 * most
    assert everywhere(records("i", -most, -most, 1), 10, view(s=sum_("i")))["s"] == 1 - 2 * most
    cents = 10**18 - 1
    assert everywhere(records("d", *[cents] * 12), 40, view(s=sum_("d")))["s"] == "119999999999999999.88"


# ids     a 0.0002   b 0.0004        one millisecond: the id decides
def test_two_events_200_us_apart_share_a_millisecond() -> None:
    asked = view(first=first("event_id"), last=last("event_id"), n=count())
    events = [
        {"event_id": "b", "event_time": "1970-01-01T00:00:00.0002Z", "k": "k"},
        {"event_id": "a", "event_time": "1970-01-01T00:00:00.0004Z", "k": "k"},
    ]
    answer = asked.answer(events, {"k": "k"}, "1970-01-01T00:00:01Z")
    assert answer == {"first": "a", "last": "b", "n": 2}


# UTF-8 bytes    EF BF BF  <  F0 9F 98 80        UTF-16 units    FFFF  >  D83D
def test_ids_above_the_basic_plane_come_after_those_below() -> None:
    history = [
        Record(event_id, at(5), at(5), 0, n, {"k": "k"}) for n, event_id in enumerate(["\U0001f600", "\uffff", "z"])
    ]
    assert everywhere(history, 10, view(first=first("event_id"), last=last("event_id"))) == {
        "first": "z",
        "last": "\U0001f600",
    }


# ──-1 ms──┼──0──    the half millisecond before 1970 is floored to -1, into the tile before it
def test_the_last_half_millisecond_before_1970() -> None:
    asked = view(n=count().over("5s", hop="5s"), oldest=min_("event_time"), newest=max_("event_time"))
    events = [{"event_id": "a", "event_time": "1969-12-31T23:59:59.9995Z", "k": "k"}]
    assert asked.answer(events, {"k": "k"}, "1970-01-01T00:00:04.999Z") == {
        "n_5s": 1,
        "oldest": "1969-12-31T23:59:59.999Z",
        "newest": "1969-12-31T23:59:59.999Z",
    }
    assert asked.answer(events, {"k": "k"}, "1970-01-01T00:00:05Z")["n_5s"] == 0
