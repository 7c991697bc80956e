"""Golden SQL of training rows: asks with windows and lifetimes, a label, and all of it joined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from batch_layer.point_in_time.compile import (
    Span,
    asked_sql,
    before_sql,
    behind_sql,
    chunk_of,
    known_sql,
    labels_sql,
    rows_sql,
)
from batch_layer.point_in_time.points import reach
from schemas.core.instants import DAY, HOUR, Instant, parse_instant
from schemas.core.language import (
    Event,
    View,
    ask,
    col,
    count,
    gates,
    int64,
    label,
    last,
    mean,
    min_,
    string,
    sum_,
)
from tests.compiled import SALE
from tests.models import plain_model

Golden = Callable[[str, str], None]

REFUND: Final = Event("refund", fields={"shop": string, "late": int64})
WINDOWS: Final = View(
    "windows",
    on=SALE,
    by=("shop", "till"),
    where=col("paid"),
    features={"n": count().over("1h", "1d"), "price": mean("price").over("6h"), "due": last("due").over("1d")},
)
LIFETIME: Final = View(
    "lifetime",
    on=SALE,
    by="shop",
    features={"n": count(), "income": sum_("price"), "least": min_("weight"), "due": last("due"), "w": mean("weight")},
)
MODEL: Final = plain_model(
    "refunded",
    on=SALE,
    request=("till", "weight"),
    features={
        "windows": ask(WINDOWS),
        "ever": ask(LIFETIME),
        "days": ask(WINDOWS, "n_1h", by={"shop": "shop", "till": "till"}),
    },
    label=label(REFUND, col("late") > 1, by=("shop", "event_id"), within="2d", absent=False),
    baseline="till",
    gates=gates(slices=("paid",)),
)
SPAN: Final = Span(parse_instant("2026-11-01T00:00:00Z"), parse_instant("2026-11-21T00:00:00Z"))
ASKS: Final = dict(MODEL.asks)


def test_windows(golden: Golden) -> None:
    golden("spark/training/1_asked.sql", asked_sql(ASKS["windows"], "spine", SPAN))
    golden("spark/training/2_known.sql", known_sql(ASKS["windows"], "counted", SPAN))
    assert before_sql(ASKS["windows"], "counted", "asked", SPAN) is None


def test_what_was_not_claimed(golden: Golden) -> None:
    golden("spark/training/7_behind.sql", behind_sql(ASKS["windows"], "counted", "late", SPAN))


def test_lifetimes(golden: Golden) -> None:
    golden("spark/training/3_known_for_ever.sql", known_sql(ASKS["ever"], "counted", SPAN))
    golden("spark/training/4_before.sql", before_sql(ASKS["ever"], "counted", "asked", SPAN) or "")


def test_labels_and_rows(golden: Golden) -> None:
    golden("spark/training/5_labels.sql", labels_sql(MODEL.label, "spine", "counted", SPAN))
    answers = [(name, f"answers_{name}") for name, _ in MODEL.asks]
    golden("spark/training/6_rows.sql", rows_sql(MODEL, "spine", answers, "labels"))


def test_a_chunk_is_twice_the_longest_window_and_its_hop() -> None:
    assert reach(ASKS["windows"]) == DAY + HOUR
    assert reach(ASKS["days"]) == HOUR + HOUR // 12
    assert reach(ASKS["ever"]) is None
    assert chunk_of(ASKS["windows"], SPAN) == 2 * (DAY + HOUR)
    assert chunk_of(ASKS["ever"], SPAN) == 20 * DAY // 64
    assert chunk_of(ASKS["ever"], Span(Instant(0), Instant(5))) == HOUR
