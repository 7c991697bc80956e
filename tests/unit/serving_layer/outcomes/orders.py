"""Orders, of which a model says whether they are late, deliveries that tell, and predictions as they are recorded."""

from __future__ import annotations

from typing import Any, Final

from schemas.core.feedback import bucket_of, outcome_of, prediction_of
from schemas.core.instants import HOUR, Instant, format_instant, parse_instant
from schemas.core.language import Event, Model, View, ask, col, count, gates, int64, label, logistic, string
from schemas.core.names import event_topic

START: Final = parse_instant("2026-03-01T00:00:00Z")
ORDER: Final = Event("order", fields={"shop": string.optional, "items": int64})
DELIVERY: Final = Event(
    "delivery",
    fields={"order": string.optional, "late": int64.optional},
    horizon="12h",
    rules={"kept": col("late").is_null() | (col("late") != 99)},
)
SHOP: Final = View("shop_orders", on=ORDER, by="shop", features={"orders": count().over("1h")})


def model(*, absent: bool | None = None, within: str = "1d", slices: tuple[str, ...] = ("shop",)) -> Model:
    return Model(
        "late_order",
        on=ORDER,
        request=("items",),
        features={"shop": ask(SHOP)},
        label=label(DELIVERY, col("late") > 2, by={"order": "event_id"}, within=within, absent=absent),
        estimator=logistic(),
        baseline="items",
        metric="auc",
        gates=gates(slices=slices),
        stale_after="1h",
        prior=0.5,
    )


PREDICTIONS: Final = event_topic(prediction_of(model()).name)
DELIVERIES: Final = event_topic(DELIVERY.name)
OUTCOMES: Final = event_topic(outcome_of(model()).name)


def at(hours: float) -> Instant:
    return Instant(START + int(hours * HOUR))


def prediction(name: str, hours: float, order: str | None, score: float = 0.75, **changed: Any) -> dict[str, Any]:
    """The body of a prediction at so many hours."""
    return {
        "event_id": name,
        "event_time": format_instant(at(hours)),
        "of_event_id": order,
        "shop": "a",
        "items": 1,
        "shop_orders_1h": 0,
        "bucket": bucket_of(score),
        "model_version": "3",
        "score": score,
        "source": "champion",
        "decision": True,
        "definition": "d",
        "proofs": "{}",
        "speed_through": None,
        **changed,
    }


def delivery(name: str, order: str | None, late: int | None) -> dict[str, Any]:
    return {"event_id": name, "event_time": format_instant(START), "order": order, "late": late}
