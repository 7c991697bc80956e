"""Expectations of an event: they say what its rules say, each names its rule, and nothing is said twice."""

from __future__ import annotations

import itertools
from typing import Any, Final

import pytest

from batch_layer.quality.rules import Measured
from batch_layer.quality.suite import Expected, expected_of, observed_sql, table_row
from schemas.core.evaluation import evaluate
from schemas.core.events import Event
from schemas.core.language import bool_, col, decimal, float64, int64, string, timestamp
from schemas.flights import events as flights

EVENTS: Final = (flights.departure, flights.arrival, flights.cancellation, flights.weather)

ODD: Final = Event(
    "odd",
    fields={
        "some": int64.optional,
        "all": int64,
        "ratio": float64.optional,
        "word": string,
        "other": string.optional,
        "price": decimal(2),
        "flag": bool_,
        "due": timestamp,
    },
    rules={
        "guarded": col("some").is_null() | ((col("some") > -2) & (col("some") <= 2)),
        "unguarded": col("some") < 2,
        "two_bounds": (col("all") >= 0) & (col("all") < 2),
        "among": col("word").is_in(["a", "b"]),
        "other_guard": col("some").is_null() | (col("all") > 0),
        "guarded_set": col("other").is_null() | col("other").is_in(["x"]),
        "ratio": col("ratio").is_null() | (col("ratio") <= 0.5),
        "twice": (col("all") > 0) & (col("all") > 1),
        "equal": col("word") == "a",
        "cheap": col("price") < 3,
    },
)


def of_rule(event: Event, rule: str) -> list[Expected]:
    return [each for each in expected_of(event) if each.rule == f"rule:{rule}"]


def holds(expected: Expected, row: dict[str, Any]) -> bool:
    """What Great Expectations makes of one row: nulls are not looked at."""
    given = dict(expected.arguments)
    value = row[given["column"]]
    if value is None:
        return True
    if expected.kind == "column_values_to_be_in_set":
        return value in given["value_set"]
    assert expected.kind == "column_values_to_be_between"
    least, most = given.get("min_value"), given.get("max_value")
    above = least is None or (value > least if given.get("strict_min") else value >= least)
    return above and (most is None or (value < most if given.get("strict_max") else value <= most))


@pytest.mark.parametrize("event", [*EVENTS, ODD], ids=lambda each: each.name)
def test_every_rule_is_a_range_a_set_or_a_column_of_its_own(event: Event) -> None:
    sql = observed_sql(event, "valid")
    for rule, _ in event.rules:
        found = of_rule(event, rule)
        assert found, rule
        own = [each for each in found if dict(each.arguments)["column"] == f"rule:{rule}"]
        assert bool(own) == (f"AS `rule:{rule}`" in sql)
        assert own or all(each.kind.endswith(("_between", "_in_set")) for each in found)


def test_ranges_and_sets_hold_where_their_rule_does() -> None:
    values: dict[str, tuple[Any, ...]] = {
        "some": (None, -2, -1, 2, 3),
        "all": (-1, 0, 1, 2),
        "ratio": (None, 0.5, 0.6),
        "word": ("a", "b", "c"),
        "other": (None, "x", "y"),
    }
    rules = dict(ODD.rules)
    own = {rule for rule in rules if f"rule:{rule}" in [dict(each.arguments)["column"] for each in of_rule(ODD, rule)]}
    assert own == {"unguarded", "other_guard", "equal", "cheap"}
    for rule in rules.keys() - own:
        for row in (dict(zip(values, each, strict=True)) for each in itertools.product(*values.values())):
            assert all(holds(each, row) for each in of_rule(ODD, rule)) == (evaluate(rules[rule], row) is True), rule


@pytest.mark.parametrize("event", [*EVENTS, ODD], ids=lambda each: each.name)
def test_what_has_to_be_there_is_not_null_and_every_column_has_its_type(event: Event) -> None:
    found = expected_of(event)
    present = {dict(each.arguments)["column"] for each in found if each.kind == "column_values_to_not_be_null"}
    typed = {dict(each.arguments)["column"] for each in found if each.kind == "column_values_to_be_in_type_list"}
    system = {"event_id", "event_time", "available_at", "_partition", "_offset", "_counted"}
    assert present == system | {name for name, field in event.fields if not field.nullable}
    assert typed == system | {name for name, _ in event.fields}
    assert len(set(map(repr, found))) == len(found)


def test_flights_have_ranges_and_sets_as_they_are_written() -> None:
    (distance,) = of_rule(flights.departure, "distance")
    assert dict(distance.arguments) == {"column": "distance", "min_value": 1, "max_value": 6000}
    (origin,) = of_rule(flights.departure, "origin_in_new_york")
    assert dict(origin.arguments) == {"column": "origin", "value_set": ["EWR", "JFK", "LGA"]}
    wind = {
        dict(each.arguments)["column"]: dict(each.arguments)["max_value"] for each in of_rule(flights.weather, "wind")
    }
    assert wind == {"wind_speed": 200.0, "wind_gust": 250.0, "wind_dir": 360}


def test_what_was_measured_is_one_row() -> None:
    measured = [
        Measured("volume", "2026-11-21T00:00:00.000Z", 3, 1, 5, ""),
        Measured("segments", "tills", 7, 7, 7, ""),
        Measured("segments", "shops", 8, 7, 7, ""),
    ]
    assert table_row(measured) == {"volume": 3.0, "segments of tills": 7.0, "segments of shops": 8.0}
