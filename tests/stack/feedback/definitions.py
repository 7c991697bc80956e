"""Orders of which a model says whether they come late, and deliveries that tell."""

from __future__ import annotations

from schemas.core.language import (
    Event,
    Model,
    View,
    ask,
    bool_,
    col,
    count,
    decimal,
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

order = Event(
    "order", fields={"shop": string, "items": int64, "gift": bool_, "price": decimal(2)}, epoch="1m", partitions=2
)
delivery = Event("delivery", fields={"late": bool_.optional}, epoch="1m", partitions=2)

shops = View(
    "shops",
    on=order,
    by="shop",
    features={
        "orders": count().over("1h"),
        "income": sum_("price").over("1d"),
        "items": mean("items").over("1d"),
        "seen": max_("event_time"),
        "gift": last("gift"),
    },
)

# What labels has a topic that is ticked and archived, as every event of a view has.
deliveries = View("deliveries", on=delivery, by="late", features={"count": count().over("1h")})

late_order = Model(
    "late_order",
    on=order,
    request=("items", "shop", "gift"),
    features={"shop": ask(shops)},
    label=label(delivery, col("late"), within="2d"),
    estimator=lightgbm(num_iterations=15, num_leaves=7, min_data_in_leaf=20),
    baseline="items",
    metric="auc",
    gates=gates(window="10d", rows=300, slices=("shop",), slice_loss=0.2, calibration=0.2, latency="1s"),
    stale_after="1h",
    prior=0.3,
)
