"""Every refusal with its whole message; the text lies in `tests/golden/refusals`, one file a kind of definition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal as Exact
from types import ModuleType
from typing import Any, Final

import pytest

from schemas.core.catalog import catalog_of
from schemas.core.codec import decode_event, decode_view, encode_event, encode_view
from schemas.core.errors import TidelineError
from schemas.core.expressions import Expr, literal
from schemas.core.instants import parse_duration, parse_instant, to_instant
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
from schemas.core.measures import Measure

FIELDS: Final = {
    "carrier": string,
    "flight": int64.optional,
    "delay": float64.optional,
    "fare": decimal(2),
    "late": bool_,
    "planned": timestamp,
}


def event(**changes: Any) -> Event:
    return Event(**{"name": "arrival", "fields": FIELDS, **changes})


ARRIVAL: Final = event()


def view(**changes: Any) -> View:
    given: dict[str, Any] = {"name": "delays", "on": ARRIVAL, "by": "carrier", "features": {"arrivals": count()}}
    given |= changes
    return View(given.pop("name"), **given)


def where(condition: Any) -> View:
    return view(where=condition)


def feature(measure: Measure) -> View:
    return view(features={"it": measure})


def module(name: str, **values: Any) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(values)
    return made


def stored_with(**changes: Any) -> View:
    return decode_view({**encode_view(view()), **changes})


Cases = Mapping[str, Callable[[], object]]

DURATIONS: Final[Cases] = {
    "no unit": lambda: parse_duration("5"),
    "zero": lambda: parse_duration("0m"),
    "not whole": lambda: parse_duration("1.5h"),
    "month": lambda: parse_duration("1mo"),
    "instant without zone": lambda: parse_instant("2013-11-23T12:00:00"),
    "day that is not": lambda: parse_instant("2013-02-30T12:00:00Z"),
    "datetime without zone": lambda: to_instant(datetime(2013, 11, 23)),
}

EVENTS: Final[Cases] = {
    "name with upper case": lambda: event(name="Arrival"),
    "name with two underscores": lambda: event(name="late__arrival"),
    "name of 41": lambda: event(name="a" * 41),
    "name with a dot": lambda: event(name="a.b"),
    "field name": lambda: event(fields={"_tile": int64}),
    "field that is there": lambda: event(fields={"event_time": timestamp}),
    "scale of 19": lambda: event(fields={"fare": decimal(19)}),
    "rule name": lambda: event(rules={"Positive": col("flight") > 0}),
    "rule that is no condition": lambda: event(rules={"positive": col("flight")}),
    "rule of an unknown field": lambda: event(rules={"positive": col("fligth") > 0}),
    "no partitions": lambda: event(partitions=0),
    "epoch of 7 s": lambda: event(epoch="7s"),
    "epoch of 90 s": lambda: event(epoch="90s"),
    "epoch below a second": lambda: event(epoch="500ms"),
    "horizon": lambda: event(horizon="a day"),
    "imported_at of another type": lambda: event(imported_at=col("flight")),
    "imported_at from available_at": lambda: event(imported_at=col("available_at")),
    "imported_at that is constant": lambda: event(imported_at=Expr(literal(datetime(2013, 1, 1, tzinfo=UTC)))),
}

VIEWS: Final[Cases] = {
    "name": lambda: view(name="carrier-delays"),
    "no key": lambda: view(by=()),
    "key twice": lambda: view(by=("carrier", "carrier")),
    "unknown key": lambda: view(by="airline"),
    "key of float64": lambda: view(by="delay"),
    "key of timestamp": lambda: view(by=("carrier", "planned")),
    "filter that is no condition": lambda: where(col("delay")),
    "filter of an unknown field": lambda: where(col("dely") > 0),
    "no features": lambda: view(features={}),
    "feature name": lambda: view(features={"Late": count()}),
    "two features of one name": lambda: view(features={"n": count().over("1h"), "n_1h": count()}),
    "window twice": lambda: view(features={"n": count().over("1h", "1h")}),
    "window that is no multiple of its hop": lambda: feature(count().over("7m")),
    "window that is no duration": lambda: feature(count().over("90m", "12h30m")),
    "window of 12.5 h": lambda: feature(count().over("750m")),
    "hop that does not divide": lambda: feature(count().over("1h", hop="7s")),
    "hop coarser than the default": lambda: feature(count().over("1d", hop="2h")),
}

EXPRESSIONS: Final[Cases] = {
    "unknown field": lambda: where(col("delays") > 0),
    "order of text": lambda: where(col("carrier") < "UA"),
    "order of bools": lambda: where(col("late") < True),
    "text and number": lambda: where(col("carrier") == 1),
    "timestamp and text": lambda: where(col("planned") > "2013-01-01T00:00:00Z"),
    "float and decimal": lambda: where(col("fare") > 1.5),
    "arithmetic on text": lambda: where(col("carrier") + 1 > 0),
    "arithmetic on decimals": lambda: where(col("fare") * 2 > 0),
    "arithmetic on timestamps": lambda: where(col("planned") - col("event_time") > 0),
    "arithmetic with null": lambda: where(col("delay") + None > 0),
    "comparison with null": lambda: where(col("delay") == None),  # noqa: E711 - what is refused
    "and of a number": lambda: where(col("late") & col("flight")),
    "not of a number": lambda: where(~col("flight")),
    "when of a number": lambda: where(when(col("flight"), True, False)),
    "when of two types": lambda: where(when(col("late"), 1, "one") == 1),
    "when of two scales": lambda: where(when(col("late"), col("fare"), col("flight")) > 1),
    "when with a constant that is too long": lambda: where(when(col("late"), col("fare"), 10**17) > 1),
    "when of nulls": lambda: where(when(col("late"), None, None)),
    "truth of an expression": lambda: where(col("late") and col("late")),
    "comparison in a chain": lambda: where(0 < col("delay") < 15),
    "is_in of nothing": lambda: where(col("carrier").is_in([])),
    "is_in of null": lambda: where(col("carrier").is_in(["UA", None])),
    "is_in of another type": lambda: where(col("flight").is_in([1, "2"])),
    "is_in of a longer decimal": lambda: where(col("fare").is_in([Exact("1.005")])),
    "is_in of a decimal that is too long": lambda: where(col("fare").is_in([10**17])),
    "constant of 65 bits": lambda: where(col("flight") > 2**63),
    "constant beyond the bound": lambda: where(col("delay") > 1e141),
    "constant that is not a number": lambda: where(col("delay").is_in([float("nan")])),
    "decimal with an exponent": lambda: where(col("fare") > Exact("1E5")),
    "decimal of 19 digits": lambda: where(col("fare") > Exact("1234567890123456789")),
    "constant of no type": lambda: where(col("flight") == b"1"),
    "datetime without zone": lambda: where(col("planned") > datetime(2013, 1, 1)),
}

MEASURES: Final[Cases] = {
    "sum of text": lambda: feature(sum_("carrier")),
    "sum of timestamps": lambda: feature(sum_("planned")),
    "mean of text": lambda: feature(mean("carrier")),
    "min of text": lambda: feature(min_("carrier")),
    "max of bools": lambda: feature(max_("late")),
    "variance of decimals": lambda: feature(variance("fare")),
    "stddev of bools": lambda: feature(stddev("late")),
    "variance around what is not a number": lambda: feature(variance("delay", around=float("nan"))),
    "variance around too much": lambda: feature(stddev("delay", around=1e141)),
    "last of an unknown field": lambda: feature(last("tail")),
    "first of nothing": lambda: feature(first(when(col("late"), None))),
}

KEYS: Final[Cases] = {
    "missing": lambda: view(by=("carrier", "flight")).key({"carrier": "UA"}),
    "unknown": lambda: view(by=("carrier", "flight")).key({"carrier": "UA", "flight": 1, "dest": "IAH"}),
    "number for text": lambda: view().key({"carrier": 1}),
    "null": lambda: view().key({"carrier": None}),
    "text for a number": lambda: view(by="flight").key({"flight": "1"}),
    "float for a number": lambda: view(by="flight").key({"flight": 1.0}),
    "bool for a number": lambda: view(by="flight").key({"flight": True}),
    "65 bits": lambda: view(by="flight").key({"flight": 2**63}),
    "number for a bool": lambda: view(by="late").key({"late": 1}),
    "unknown feature": lambda: view(features={"n": count().over("1h", "1d")}).feature("n_2h"),
    "event without a time": lambda: view().answer([{"event_id": "a"}], {"carrier": "UA"}, "2013-01-01T00:00:00Z"),
}

CATALOG: Final[Cases] = {
    "two events of one name": lambda: catalog_of(
        [module("schemas.a", x=event()), module("schemas.b", y=event(horizon="2d"))]
    ),
    "two views of one name": lambda: catalog_of(
        [module("schemas.a", x=view()), module("schemas.b", y=view(by="flight"))]
    ),
    "one module, two views of one name": lambda: catalog_of([module("schemas.a", x=view(), y=view(by="flight"))]),
    "a view on another event of the same name": lambda: catalog_of([module("schemas.a", x=view(), y=event(skew="2m"))]),
}

STORED: Final[Cases] = {
    "unknown node": lambda: stored_with(where={"is": "Exec", "code": "1"}),
    "node with another field": lambda: stored_with(where={"is": "Not", "of": None}),
    "no kind": lambda: decode_view({"name": "delays"}),
    "an event for a view": lambda: decode_view(encode_event(ARRIVAL)),
    "a view for an event": lambda: decode_event(encode_view(view())),
}

GROUPS: Final[Mapping[str, Cases]] = {
    "durations": DURATIONS,
    "events": EVENTS,
    "views": VIEWS,
    "expressions": EXPRESSIONS,
    "measures": MEASURES,
    "keys": KEYS,
    "catalog": CATALOG,
    "stored": STORED,
}


def refusal(attempt: Callable[[], object]) -> str:
    with pytest.raises(TidelineError) as caught:
        attempt()
    return f"{type(caught.value).__name__}: {caught.value}"


@pytest.mark.parametrize("group", GROUPS)
def test_refusals_say_the_fact_and_the_way_out(group: str, golden: Callable[[str, str], None]) -> None:
    messages = [f"{name}\n    {refusal(attempt)}" for name, attempt in GROUPS[group].items()]
    golden(f"refusals/{group}.txt", "\n".join(messages))


@pytest.mark.parametrize("group", GROUPS)
def test_refusals_are_one_line_and_begin_low(group: str) -> None:
    for name, attempt in GROUPS[group].items():
        message = refusal(attempt).partition(": ")[2]
        assert "\n" not in message, name
        assert not message[0].isupper(), name
