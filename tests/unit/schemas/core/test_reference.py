"""`View.answer`: what a person tries in a notebook, over events as plain mappings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal as Exact
from typing import Any, Final

import pytest

from schemas.core.errors import BadValue, UnknownName
from schemas.core.instants import Instant
from schemas.core.language import Event, View, col, count, decimal, last, mean, string, sum_, timestamp
from schemas.core.records import Record
from schemas.core.reference import keyed

SALE: Final = Event(
    "sale",
    fields={"shop": string.optional, "price": decimal(2), "paid": timestamp.optional},
    rules={"priced": col("price") > 0},
    horizon="1h",
)
SALES: Final = View(
    "sales",
    on=SALE,
    by="shop",
    where=col("price") < 1000,
    features={
        "n": count().over("1h"),
        "income": sum_("price").over("1h"),
        "dear": mean(col("price") > 5),
        "paid": last("paid"),
    },
)
AT: Final = "2013-11-23T12:00:00Z"


def sale(event_id: str, event_time: Any, price: Any = "1", **more: Any) -> dict[str, Any]:
    return {"event_id": event_id, "event_time": event_time, "shop": "a", "price": price, **more}


def answered(*events: dict[str, Any], at: Any = AT, shop: str = "a") -> dict[str, Any]:
    return SALES.answer(events, {"shop": shop}, at)


NOTHING: Final = {"n_1h": 0, "income_1h": None, "dear": None, "paid": None}


def test_nobody_has_an_answer_too() -> None:
    assert answered() == NOTHING
    assert answered(sale("a", "2013-11-23T11:30:00Z"), shop="b") == NOTHING


# q = 12:00, W = 1h     10:59:59 ○  ● 11:00          11:59 ●  ○ 12:00 (not before q)
def test_the_one_rule() -> None:
    assert answered(
        sale("a", "2013-11-23T10:59:59.999Z", "7"),
        sale("b", "2013-11-23T11:00:00Z", "2.50"),
        sale("c", "2013-11-23T11:59:59.999Z", "6", paid="2013-11-24T00:00:00+01:00"),
        sale("d", "2013-11-23T12:00:00Z", "8"),
    ) == {"n_1h": 2, "income_1h": "8.50", "dear": 2 / 3, "paid": "2013-11-23T23:00:00.000Z"}


def test_values_may_be_what_python_has_for_them() -> None:
    zone = timezone(timedelta(hours=1))
    event = sale(
        "a", datetime(2013, 11, 23, 12, 30, tzinfo=zone), Exact("2.50"), paid=datetime(2013, 11, 24, tzinfo=zone)
    )
    assert answered(event, at=datetime(2013, 11, 23, 12, tzinfo=UTC)) == {
        "n_1h": 1,
        "income_1h": "2.50",
        "dear": 0.0,
        "paid": "2013-11-23T23:00:00.000Z",
    }


def test_an_event_is_known_from_when_it_was_available() -> None:
    late = sale("a", "2013-11-23T11:30:00Z", available_at="2013-11-23T13:00:00Z")
    assert answered(late)["n_1h"] == 0
    assert answered(late, at="2013-11-23T13:00:00.001Z") == {**NOTHING, "dear": 0.0}
    assert SALES.answer([late], {"shop": "a"}, "2013-11-23T12:30:00Z")["n_1h"] == 0


@pytest.mark.parametrize(
    "broken",
    [
        sale("a", "2013-11-23T11:30:00Z", "0"),  # the rule
        sale("a", "2013-11-23T11:30:00Z", 1.5),  # a number is no decimal
        sale("a", "2013-11-23T11:30:00Z", None),
        sale("", "2013-11-23T11:30:00Z"),
        sale("a", "2013-11-23T11:30:00Z", available_at="2013-11-23T11:28:00Z"),  # from the future
        sale("a", "2013-11-23T11:30:00Z", "1000"),  # the filter
        sale("a", "2013-11-23T11:30:00Z", shop=None),  # in no entity
        sale("a", "2013-11-23T11:30:00Z", price=float("nan")),
    ],
)
def test_what_breaks_the_contract_or_the_filter_is_left_out(broken: dict[str, Any]) -> None:
    assert answered(broken) == NOTHING


# An invalid copy does not hide a valid one; a copy that the filter leaves out does, since the filter comes after.
def test_validity_first_then_copies_then_the_filter() -> None:
    invalid, dear, cheap = (sale("a", f"2013-11-23T11:3{n}:00Z", price) for n, price in enumerate(["0", "1000", "1"]))
    assert answered(invalid, cheap)["n_1h"] == 1
    assert answered(dear, cheap)["n_1h"] == 0


def test_copies_in_one_partition_count_once() -> None:
    first, second = sale("a", "2013-11-23T11:30:00Z"), sale("a", "2013-11-23T11:40:00Z")
    assert answered(first, second)["n_1h"] == 1
    assert answered(first, {**second, "partition": 1})["n_1h"] == 2


def test_questions_that_cannot_be_answered_are_refused() -> None:
    with pytest.raises(UnknownName, match="available: `shop`"):
        SALES.answer([], {"store": "a"}, AT)
    with pytest.raises(BadValue, match="has no time zone"):
        answered(at=datetime(2013, 11, 23))
    with pytest.raises(BadValue, match="event 0 has no `event_time`"):
        answered({"event_id": "a"})
    with pytest.raises(BadValue, match="is no instant"):
        answered(sale("a", "yesterday"))


def test_a_null_in_key_or_filter_keeps_a_record_out() -> None:
    given = {"a": ("x", 999), "b": (None, 1), "c": ("x", None), "d": ("y", 1000), "e": ("y", 999)}
    records = [
        Record(name, Instant(0), Instant(0), 0, offset, {"shop": shop, "price": price})
        for offset, (name, (shop, price)) in enumerate(given.items())
    ]
    view = View("some", on=SALE, by="shop", where=col("price") < 10, features={"n": count()})
    assert [(key, record.event_id) for key, record in keyed(view, records)] == [(("x",), "a"), (("y",), "e")]
    every = View("every", on=SALE, by=("shop", "event_id"), features={"n": count()})
    assert [key for key, _ in keyed(every, records)] == [("a", "x"), ("c", "x"), ("d", "y"), ("e", "y")]
