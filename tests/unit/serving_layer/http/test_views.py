"""Descriptions of what is served."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from schemas.core.codec import definition_of
from schemas.core.expressions import Expr
from schemas.core.language import (
    Event,
    View,
    bool_,
    col,
    count,
    decimal,
    float64,
    int64,
    stddev,
    string,
    timestamp,
    when,
)
from schemas.core.resolution import resolve
from serving_layer.http.describe import aggregate_text, expression_text
from tests.unit.serving_layer.http.asking import READING, SENSORS, UNITS, Desk


def test_one_view(desk: Desk) -> None:
    content = desk.get("/v1/views/units").json()
    assert content == {
        "view": "units",
        "doc": "",
        "event": "reading",
        "key": [{"name": "open", "type": "bool"}, {"name": "unit", "type": "int64"}],
        "where": "temp is not null",
        "features": [
            {"name": "readings", "type": "int64", "aggregate": "count()", "window": None, "hop": None},
            {"name": "last_tick", "type": "int64", "aggregate": "last(ticks)", "window": None, "hop": None},
        ],
        "epoch": "1m",
        "definition": definition_of(UNITS),
        "generation": 1,
        "boundary": "2026-03-01T07:30:00.000Z",
        "held_from": "2026-03-01T07:30:00.000Z",
        "run": "r1",
        "published_at": "2026-03-01T07:31:00.000Z",
        "batch_stopped": None,
    }


def test_every_view_by_name(desk: Desk) -> None:
    content = desk.get("/v1/views").json()
    assert [each["view"] for each in content["views"]] == ["sensors", "units"]
    assert content["views"][1] == desk.get("/v1/views/units").json()
    windows = {each["name"]: (each["type"], each["window"], each["hop"]) for each in content["views"][0]["features"]}
    assert windows["readings_1h"] == ("int64", "1h", "5m")
    assert windows["paid"] == ("decimal(2)", None, None)
    assert windows["temp_1h"] == ("float64", "1h", "5m")


X = Event("x", fields={"a": int64, "f": float64, "b": bool_, "d": decimal(2), "s": string, "t": timestamp})


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (col("a") > 15, "a > 15"),
        (col("f") > 15, "f > 15"),
        (col("a") / 2 >= 1.5, "(a / 2) >= 1.5"),
        ((col("a") == 1) & ~(col("b")) | col("s").is_null(), "((a = 1) and (not b)) or (s is null)"),
        (col("s").is_in(["BOS", 'q"']), 's in ("BOS", "q\\"")'),
        (~col("s").is_in(["BOS"]), 'not (s in ("BOS"))'),
        (col("s").is_not_null(), "s is not null"),
        (col("d") != Decimal("2.50"), "d <> 2.50"),
        (col("b") == True, "b = true"),  # noqa: E712 - an expression
        (when(col("f") > 0, col("f"), None) < 3, "when(f > 0, f, null) < 3"),
    ],
)
def test_expressions_in_words(expression: Expr, text: str) -> None:
    assert expression_text(resolve(expression.node, X.types)) == text


def test_an_instant_in_words() -> None:
    view = View("v", on=X, by="s", where=col("t") < datetime(2026, 3, 1, tzinfo=UTC), features={"n": count()})
    assert view.where is not None
    assert expression_text(view.where) == "t < 2026-03-01T00:00:00.000Z"


def test_aggregates_in_words() -> None:
    texts = {feature.name: aggregate_text(feature.aggregate) for feature in SENSORS.features}
    assert texts["warm_1h"] == "mean(temp > 20)"
    assert texts["readings_5m"] == "count()"
    assert texts["spread_1h"] == "variance(temp)"
    spread = View("v", on=READING, by="sensor", features={"s": stddev("temp", around=12)})
    assert aggregate_text(spread.features[0].aggregate) == "stddev(temp, around=12)"
