"""What a view derives from its definition: features, tiles, keys and stored columns."""

from __future__ import annotations

from typing import Any, Final

import pytest

from schemas.core.aggregates import FloatTotal, Greatest, Latest, Partial, Tally, Total
from schemas.core.instants import DAY, HOUR, MINUTE
from schemas.core.language import (
    Event,
    View,
    bool_,
    col,
    count,
    decimal,
    float64,
    int64,
    last,
    max_,
    mean,
    string,
    sum_,
    variance,
)
from schemas.core.types import Bool, Decimal, Float64, Int64, String, Timestamp
from schemas.core.windows import window

ORDER: Final = Event(
    "order",
    fields={"shop": string, "till": int64, "open": bool_, "price": decimal(2), "weight": float64.optional},
)


def view(**features: Any) -> View:
    return View("orders", on=ORDER, by=("till", "shop"), features=features)


def test_a_feature_is_named_by_measure_and_window() -> None:
    made = view(n=count().over("1h", "7d"), last_price=last("price"))
    assert [(feature.name, feature.window) for feature in made.features] == [
        ("n_1h", window("1h")),
        ("n_7d", window("7d")),
        ("last_price", None),
    ]


def test_types_of_answers() -> None:
    made = view(
        n=count(),
        income=sum_("price"),
        weight=sum_("weight"),
        tills=sum_("till"),
        opened=sum_("open"),
        share=mean("open"),
        spread=variance("weight"),
        best=max_("price"),
        latest=max_("event_time"),
        id=last("event_id"),
    )
    assert {feature.name: feature.type for feature in made.features} == {
        "n": Int64(),
        "income": Decimal(2),
        "weight": Float64(),
        "tills": Int64(),
        "opened": Int64(),
        "share": Float64(),
        "spread": Float64(),
        "best": Decimal(2),
        "latest": Timestamp(),
        "id": String(),
    }


def test_stored_columns() -> None:
    made = view(
        n=count().over("1h", "7d"), income=sum_("price"), weight=mean("weight"), best=max_("price"), id=last("event_id")
    )
    assert dict(made.partials) == {
        "n__n": Partial("n", Tally()),
        "income__n": Partial("n", Tally()),
        "income__sum": Partial("sum", Total(2)),
        "weight__n": Partial("n", Tally()),
        "weight__sum": Partial("sum", FloatTotal()),
        "best__max": Partial("max", Greatest(Decimal(2))),
        "id__last": Partial("last", Latest(String())),
    }


# hops   n   5m  ├┼┼┼┼┼┼┼┼┼┼┼┼┼
#        m   1h  ├───────────┼─
# tile       5m  every window starts at a tile
@pytest.mark.parametrize(
    ("features", "tile"),
    [
        ({"n": count()}, None),
        ({"n": count().over("7d")}, HOUR),
        ({"n": count().over("7d"), "m": count().over("1h")}, 5 * MINUTE),
        ({"n": count().over("1h", hop="3m"), "m": count().over("1h", hop="5m")}, MINUTE),
        ({"n": count().over("30d"), "all": count()}, DAY),
    ],
)
def test_the_tile_is_the_greatest_common_divisor_of_the_hops(features: dict[str, Any], tile: int | None) -> None:
    assert view(**features).tile == tile


def test_key_fields_are_stored_by_name() -> None:
    made = view(n=count())
    assert made.by == ("shop", "till")
    assert made.key_types == {"shop": String(), "till": Int64()}
    assert made.key({"till": 1, "shop": "a"}) == ("a", 1)


def test_a_key_may_be_a_bool_or_what_every_event_has() -> None:
    made = View("it", on=ORDER, by=("open", "event_id"), features={"n": count()})
    assert made.key_types == {"event_id": String(), "open": Bool()}
    assert made.key({"event_id": "a", "open": False}) == ("a", False)


def test_a_definition_is_a_value() -> None:
    def made() -> View:
        return View("it", on=ORDER, by="shop", where=col("price") > 1, features={"n": count().over("1h")})

    assert made() == made()
    assert hash(made()) == hash(made())
    assert made() != View("it", on=ORDER, by="shop", where=col("price") > 2, features={"n": count().over("1h")})


def test_types_in_a_view_are_resolved_once() -> None:
    made = View(
        "it", on=ORDER, by="shop", features={"far": variance(col("till"), around=3), "late": mean(col("till") > 1.5)}
    )
    again = View(
        "it", on=ORDER, by="shop", features={"late": mean(col("till") > 1.5), "far": variance("till", around=3.0)}
    )
    assert dict(made.measures) == dict(again.measures)
