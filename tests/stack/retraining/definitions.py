"""Orders and deliveries as in `feedback`, with epochs, a horizon and gates so short that a minute is an age."""

from __future__ import annotations

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
    mean,
    string,
    watch,
)

order = Event(
    "order",
    fields={"shop": string, "items": int64, "gift": bool_},
    epoch="1s",
    partitions=2,
    imported_at=col("event_time"),
)
delivery = Event("delivery", fields={"late": bool_}, epoch="1s", partitions=2, imported_at=col("event_time"))

shops = View(
    "shops",
    on=order,
    by="shop",
    features={"orders": count().over("1h"), "items": mean("items").over("1d"), "gift": last("gift")},
)

# What labels has a topic that is ticked and archived, as every event of a view has.
deliveries = View("deliveries", on=delivery, by="late", features={"count": count().over("1h")})

late_order = Model(
    "late_order",
    on=order,
    request=("items", "shop", "gift"),
    features={"shop": ask(shops)},
    label=label(delivery, col("late"), within="5s"),
    estimator=lightgbm(num_iterations=30, learning_rate=0.2, num_leaves=15, min_data_in_leaf=20),
    baseline="items",
    metric="auc",
    gates=gates(window="20s", rows=100, slices=("shop",), slice_loss=0.2, calibration=0.2, latency="1s"),
    watch=watch(window="10m", rows=100),
    stale_after="1h",
    prior=0.5,
)
