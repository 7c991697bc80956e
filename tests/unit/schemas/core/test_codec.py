"""Definitions as JSON, and a hash that changes exactly when the meaning does."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal as Exact
from typing import Any, Final

import pytest

from schemas.core import codec
from schemas.core.catalog import load_catalog
from schemas.core.codec import contract_of, decode_event, decode_view, definition_of, encode_event, encode_view
from schemas.core.language import (
    Event,
    View,
    bool_,
    col,
    count,
    decimal,
    first,
    float64,
    int64,
    last,
    max_,
    mean,
    min_,
    stddev,
    string,
    sum_,
    timestamp,
    variance,
    when,
)


def event(**changes: Any) -> Event:
    given: dict[str, Any] = {
        "name": "order",
        "fields": {
            "shop": string,
            "till": int64,
            "open": bool_,
            "price": decimal(2),
            "weight": float64.optional,
            "placed": timestamp,
        },
        "rules": {"paid": col("price") >= Exact("0.01"), "whole": col("till").is_in([1, 2, 3])},
        "imported_at": col("placed"),
    }
    given |= changes
    return Event(given.pop("name"), **given)


def view(**changes: Any) -> View:
    given: dict[str, Any] = {
        "name": "orders",
        "on": event(),
        "by": ("shop", "till"),
        "where": (col("placed") < datetime(2020, 1, 1, tzinfo=UTC)) | ~col("open") & (col("shop") != "x"),
        "features": {
            "n": count().over("1h", "7d"),
            "income": sum_("price").over("1h"),
            "heavy": mean(col("weight") / 2 > 1.5).over("1h", hop="1m"),
            "light": sum_(when(col("weight").is_null(), 0.0, col("weight") - 1)),
            "least": min_("till"),
            "most": max_("weight"),
            "spread": variance("weight", around=2.5),
            "deviation": stddev("till").over("30d"),
            "first_shop": first("shop"),
            "last_open": last("open"),
        },
    }
    given |= changes
    return View(given.pop("name"), **given)


def test_a_definition_comes_back_through_json() -> None:
    assert decode_view(json.loads(json.dumps(encode_view(view())))) == view()
    assert decode_event(json.loads(json.dumps(encode_event(event())))) == event()


def test_what_comes_back_keeps_its_hash_and_its_answer() -> None:
    back = decode_view(json.loads(json.dumps(encode_view(view()))))
    assert definition_of(back) == definition_of(view())
    assert contract_of(back.on) == contract_of(event())
    placed = "2019-05-05T10:00:00Z"
    orders = [
        {"event_id": "a", "event_time": placed, "shop": "s", "till": 1, "open": True, "price": "5.10", "placed": placed}
    ]
    at, key = "2019-05-05T10:30:00Z", {"shop": "s", "till": 1}
    assert back.answer(orders, key, at) == view().answer(orders, key, at)
    assert back.answer(orders, key, at)["income_1h"] == "5.10"


def test_every_shipped_definition_comes_back() -> None:
    for name, shipped in load_catalog().views.items():
        assert decode_view(json.loads(json.dumps(encode_view(shipped)))) == shipped, name


FEATURES: Final = {"n": count().over("1h", "7d"), "m": mean("weight")}

SAME: Final[dict[str, Callable[[], tuple[View, View]]]] = {
    "another name of the view": lambda: (view(), view(name="sales")),
    "documentation": lambda: (view(), view(doc="All orders.", on=event(doc="An order."))),
    "order of the key": lambda: (view(), view(by=("till", "shop"))),
    "order of features": lambda: (view(features=FEATURES), view(features=dict(reversed(FEATURES.items())))),
    "order of windows": lambda: (
        view(features={"n": count().over("1h", "7d")}),
        view(features={"n": count().over("7d", "1h")}),
    ),
    "order of fields": lambda: (
        view(),
        view(on=event(fields=dict(reversed([(name, field) for name, field in event().fields])))),
    ),
    "the default written out": lambda: (view(), view(on=event(epoch="300s", horizon="24h", skew="60000ms"))),
    "the hop written out": lambda: (
        view(features={"n": count().over("1h")}),
        view(features={"n": count().over("1h", hop="5m")}),
    ),
    "partitions": lambda: (view(), view(on=event(partitions=7))),
    "a name for a column": lambda: (view(features={"s": last("shop")}), view(features={"s": last(col("shop"))})),
    "a constant as a float": lambda: (view(where=col("weight") > 1), view(where=col("weight") > 1.0)),
    "a constant as a decimal": lambda: (view(where=col("price") > 1), view(where=col("price") > Exact("1.00"))),
    "a constant as a decimal of less scale": lambda: (
        view(where=col("price").is_in([Exact("1.5")])),
        view(where=col("price").is_in([Exact("1.50")])),
    ),
}

OTHER: Final[dict[str, Callable[[], View]]] = {
    "key": lambda: view(by="shop"),
    "filter": lambda: view(where=col("open")),
    "no filter": lambda: view(where=None),
    "constant of the filter": lambda: view(where=col("till") > 1),
    "another constant of the filter": lambda: view(where=col("till") > 2),
    "a window": lambda: view(features={"n": count().over("1h")}),
    "another window": lambda: view(features={"n": count().over("2h")}),
    "the same window by another name": lambda: view(features={"n": count().over("60m")}),
    "another hop": lambda: view(features={"n": count().over("1h", hop="1m")}),
    "lifetime": lambda: view(features={"n_1h": count()}),
    "another name of a feature": lambda: view(features={"m": count().over("1h")}),
    "another aggregate": lambda: view(features={"v": variance("weight")}),
    "stddev": lambda: view(features={"v": stddev("weight")}),
    "around": lambda: view(features={"v": variance("weight", around=1)}),
    "first": lambda: view(features={"v": first("weight")}),
    "last": lambda: view(features={"v": last("weight")}),
    "another expression": lambda: view(features={"v": last(col("weight") + 0)}),
    "true for one": lambda: view(features={"v": last(when(col("open"), True, False))}),
    "one for true": lambda: view(features={"v": last(when(col("open"), 1, 0))}),
    "one as a float": lambda: view(features={"v": last(when(col("open"), 1.0, 0.0))}),
    "one as text": lambda: view(features={"v": last(when(col("open"), "1", "0"))}),
    "another event": lambda: view(on=event(name="offer")),
    "a field more": lambda: view(on=event(fields={**dict(event().fields), "note": string.optional})),
    "a nullable field": lambda: view(on=event(fields={**dict(event().fields), "till": int64.optional})),
    "another scale": lambda: view(on=event(fields={**dict(event().fields), "price": decimal(3)})),
    "no rules": lambda: view(on=event(rules={})),
    "another name of a rule": lambda: view(on=event(rules={"payed": col("price") >= Exact("0.01")})),
    "epoch": lambda: view(on=event(epoch="1m")),
    "horizon": lambda: view(on=event(horizon="2d")),
    "skew": lambda: view(on=event(skew="2m")),
    "imported_at": lambda: view(on=event(imported_at=col("event_time"))),
    "no imports": lambda: view(on=event(imported_at=None)),
}


@pytest.mark.parametrize("what", SAME)
def test_the_hash_stays_with_the_meaning(what: str) -> None:
    left, right = SAME[what]()
    assert definition_of(left) == definition_of(right)


def test_the_hash_changes_with_the_meaning() -> None:
    hashes = {"as it was": definition_of(view()), **{what: definition_of(made()) for what, made in OTHER.items()}}
    assert len(set(hashes.values())) == len(hashes), sorted(hashes, key=hashes.__getitem__)


def test_the_contract_is_the_event_alone() -> None:
    assert contract_of(event()) == contract_of(view(where=None, by="shop").on)
    contracts = [
        event(),
        event(epoch="1m"),
        event(horizon="2d"),
        event(skew="2m"),
        event(rules={}),
        event(imported_at=None),
    ]
    assert len({contract_of(each) for each in contracts}) == len(contracts)


def test_raising_semantics_changes_every_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = definition_of(view()), contract_of(event())
    monkeypatch.setattr(codec, "SEMANTICS", codec.SEMANTICS + 1)
    after = definition_of(view()), contract_of(event())
    assert before[0] != after[0]
    assert before[1] != after[1]


# Tables and topics are named by these: they may only change together with SEMANTICS or the way definitions are written.
def test_hashes_are_the_same_in_every_process(golden: Callable[[str, str], None]) -> None:
    golden(
        "definitions.txt",
        f"semantics {codec.SEMANTICS}\ncontract {contract_of(event())}\ndefinition {definition_of(view())}",
    )
