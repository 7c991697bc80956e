"""A lake with a training set of orders, some of which were delivered late; no engine has been near it."""

from __future__ import annotations

import decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from schemas.core.codec import training_set_of
from schemas.core.estimators import Estimator
from schemas.core.instants import DAY, HOUR, Instant
from schemas.core.language import (
    Event,
    Model,
    View,
    ask,
    bool_,
    col,
    count,
    gates,
    int64,
    label,
    last,
    lightgbm,
    max_,
    mean,
    string,
    sum_,
)
from schemas.core.language import (
    decimal as decimal_of,
)
from schemas.lake.models import AppliedModel
from schemas.lake.training_sets import Source, TrainingSet, append_training_set
from tests.models import plain_model

ORDER: Final = Event("order", fields={"shop": string, "items": int64, "gift": bool_, "price": decimal_of(2)})
DELIVERY: Final = Event("delivery", fields={"late": bool_})
SHOPS: Final = View(
    "shops",
    on=ORDER,
    by="shop",
    features={
        "orders": count().over("1h"),
        "income": sum_("price").over("1d"),
        "items": mean("items").over("1d"),
        "seen": max_("event_time"),
        "gift": last("gift"),
    },
)
TREES: Final = lightgbm(num_iterations=15, num_leaves=7, min_data_in_leaf=20)


def model(estimator: Estimator = TREES, *, within: str = "2d", **more: Any) -> Model:
    return plain_model(
        "late_order",
        on=ORDER,
        request=("items", "shop", "gift"),
        features={"shop": ask(SHOPS)},
        label=label(DELIVERY, col("late"), within=within),
        estimator=estimator,
        baseline="items",
        gates=gates(
            **{
                "window": "10d",
                "rows": 300,
                "slices": ("shop",),
                "slice_loss": 0.2,
                "calibration": 0.2,
                "latency": "1s",
                **more,
            }
        ),
        prior=0.3,
    )


def applied(of: Model) -> AppliedModel:
    return AppliedModel(of, "a hash that nobody reads here", Instant(0))


def write_set(lake: Path, of: Model, *, days: int = 40, seed: int = 1) -> TrainingSet:
    """A row every half hour; the more items and the busier the shop, the likelier late. The first days never change."""
    rows, draw = days * 48, np.random.default_rng(seed)
    at = np.arange(rows, dtype=np.int64) * (HOUR // 2)
    items, orders = draw.integers(0, 10, 10_000)[:rows], draw.integers(0, 50, 10_000)[:rows]
    chance = 1 / (1 + np.exp(-(items - 6) / 2 - (orders - 25) / 8))
    late = draw.random(10_000)[:rows] < chance
    missing = draw.random(10_000)[:rows] < 0.05
    table = pa.table(
        {
            "event_id": [f"{number}" for number in range(rows)],
            "available_at": at,
            "_partition": pa.array(np.zeros(rows), pa.int32()),
            "_offset": np.arange(rows),
            "gift": pa.array(items > 8),
            "items": items,
            "shop": [("a", "b", "é", None)[number % 4] for number in range(rows)],
            "shop_gift": pa.array(items > 4, mask=items == 0),
            "shop_income": pa.array([decimal.Decimal(int(each)).scaleb(-2) for each in orders], pa.decimal128(38, 2)),
            "shop_items": pa.array(items / 3, mask=items == 1),
            "shop_orders_1h": orders,
            "shop_seen": pa.array(at - 10_500, mask=items == 2),
            "_label": pa.array(late, mask=missing),
            "_label_at": pa.array(at + HOUR, mask=missing),
        }
    )
    names = {"shop_income": "shop_income_1d", "shop_items": "shop_items_1d"}
    table = table.rename_columns([names.get(name, name) for name in table.column_names])
    done = TrainingSet(
        model=of.name,
        rows_of=training_set_of(of),
        version=0,
        start=Instant(0),
        end=Instant(days * DAY),
        as_of=Instant((days + 2) * DAY),
        rows=rows,
        sources={"order": Source("c", 1), "delivery": Source("d", 1)},
        built_at=Instant(0),
    )
    write_deltalake(str(lake / done.table), table, mode="overwrite")
    done = TrainingSet(**{**vars(done), "version": DeltaTable(str(lake / done.table)).version()})
    append_training_set(lake, done)
    return done
