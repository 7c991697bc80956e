"""Training rows of the reference: what is known at the spine event, and what then turned out."""

from __future__ import annotations

from typing import Any, Final

import pytest

from schemas.core.instants import HOUR, Instant
from schemas.core.language import (
    Event,
    Model,
    View,
    ask,
    bool_,
    col,
    count,
    int64,
    label,
    last,
    string,
)
from schemas.core.records import Record
from schemas.core.training_rows import TrainingRow, training_rows
from tests.models import plain_model

ORDER: Final = Event("order", fields={"shop": string.optional, "items": int64}, horizon="1h")
DELIVERY: Final = Event("delivery", fields={"late": bool_.optional}, horizon="1h")
VIEW: Final = View("shop_orders", on=ORDER, by="shop", features={"n": count().over("1h"), "latest": last("items")})


def model(absent: bool | None = None) -> Model:
    return plain_model(
        "late_delivery",
        on=ORDER,
        request=("items",),
        features={"shop": ask(VIEW)},
        label=label(DELIVERY, col("late"), within="2h", absent=absent),
        baseline="items",
    )


def at(hours: float) -> Instant:
    return Instant(int(hours * HOUR))


def order(event_id: str, hours: float, items: int = 1, *, shop: str | None = "a", offset: int = 0) -> Record:
    return Record(event_id, at(hours), at(hours), 0, offset, {"shop": shop, "items": items})


def delivery(event_id: str, hours: float, late: bool | None = True, offset: int = 0) -> Record:
    return Record(event_id, at(hours), at(hours), 0, offset, {"late": late})


def rows(orders: list[Record], deliveries: list[Record], as_of: float = 100, **more: Any) -> list[TrainingRow]:
    return training_rows(model(**more), {"order": orders, "delivery": deliveries}, at(as_of))


# b is no event before itself, nor is c, which became available at the same instant
#   10:00 a    10:30 b c    11:10 d
def test_features_take_in_what_was_available_before() -> None:
    orders = [
        order("a", 10, 7),
        order("b", 10.5, 8, offset=1),
        order("c", 10.5, 9, offset=2),
        order("d", 11.2, offset=3),
    ]
    assert [(row.record.event_id, row.features) for row in rows(orders, [])] == [
        ("a", {"shop_n_1h": 0, "shop_latest": None}),
        ("b", {"shop_n_1h": 1, "shop_latest": 7}),
        ("c", {"shop_n_1h": 1, "shop_latest": 7}),
        ("d", {"shop_n_1h": 2, "shop_latest": 9}),
    ]


def test_a_null_key_has_no_features_not_even_a_count() -> None:
    assert rows([order("a", 10, shop=None)], [])[0].features == {"shop_n_1h": None, "shop_latest": None}


@pytest.mark.parametrize(
    ("deliveries", "label", "label_at"),
    [
        ([], None, None),
        ([delivery("a", 9.99)], None, None),  # known before the question
        ([delivery("a", 10)], True, 10),  # with the spine event: no feature has it either
        ([delivery("a", 11.99)], True, 11.99),
        ([delivery("a", 12)], None, None),  # the horizon has passed
        ([delivery("b", 11)], None, None),
        ([delivery("a", 11, late=False), delivery("a", 11.5, offset=1)], False, 11),
        ([delivery("a", 11, late=None)], None, 11),  # it came, and says nothing
    ],
)
def test_the_first_label_event_within_the_horizon_decides(
    deliveries: list[Record], label: bool | None, label_at: float | None
) -> None:
    (row,) = rows([order("a", 10)], deliveries)
    assert (row.label, row.label_at) == (label, None if label_at is None else at(label_at))


def test_absence_means_what_the_model_says() -> None:
    assert [row.label for row in rows([order("a", 10)], [], absent=False)] == [False]
    assert [row.label for row in rows([order("a", 10)], [delivery("a", 11, late=None)], absent=False)] == [None]


# two deliveries at one instant: the first by offset; a copy of one within its event's horizon does not count
def test_what_counts_decides() -> None:
    (row,) = rows([order("a", 10)], [delivery("a", 11, late=True, offset=8), delivery("a", 11, late=False, offset=7)])
    assert row.label is False
    (row,) = rows([order("a", 10)], [delivery("a", 9.5, late=False), delivery("a", 10.4, late=True, offset=1)])
    assert (row.label, row.label_at) == (None, None)


def test_a_row_comes_once_its_horizon_has_passed_even_if_its_label_is_there() -> None:
    early = [order("a", 10)], [delivery("a", 10.1)]
    assert rows(*early, as_of=11.999) == []
    assert len(rows(*early, as_of=12)) == 1


def test_rows_are_of_counted_events_in_order_of_arrival() -> None:
    orders = [order("b", 11, offset=5), order("a", 11, offset=4), order("c", 10), order("c", 10.5, offset=1)]
    assert [(row.record.event_id, row.record.offset) for row in rows(orders, [])] == [("c", 0), ("a", 4), ("b", 5)]
