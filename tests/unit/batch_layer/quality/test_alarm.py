"""What a person on call reads, and what is off in a flood."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest

from batch_layer.conservation import Conservation
from batch_layer.quality.alarm import alarm, encode_checked
from batch_layer.quality.checked import Checked
from batch_layer.quality.rules import Measured
from batch_layer.quality.suspects import find_suspects
from schemas.core.instants import HOUR, Instant, format_instant
from schemas.core.language import Event, bool_, decimal, float64, int64, string
from schemas.core.retention import OUTAGE

NOW = Instant(1_800_000_000_000)
EVENT = Event(
    "sale",
    fields={"till": string.optional, "size": int64.optional, "price": decimal(2), "ratio": float64, "paid": bool_},
)
FLOOD = Measured("volume", "2027-01-15T07:00:00.000Z", 500, 2, 160, "500 records happened")
CHECKED = Checked(
    event="sale",
    start=None,
    end=NOW,
    measured=[Measured("conservation", "received", 0, 0, 0, "all there"), FLOOD],
    contract=[],
    conservation=Conservation(1, 1, 0, 0, 0, 0, 0, 0),
    page="quality/page.html",
    reasons={"rule:till": 7, "size:type": 2},
    stopped_since=Instant(NOW - HOUR),
    boundary=Instant(NOW - 2 * HOUR),
)


def broken(rule: str, *, contract: bool = False) -> Checked:
    measured = Measured(rule, "it", 2, 0, 1, f"{rule} is off")
    return replace(CHECKED, measured=[] if contract else [measured], contract=[measured] if contract else [])


def test_an_alarm_has_the_rule_the_time_and_the_way_out() -> None:
    told = alarm(CHECKED, NOW)
    assert "nothing of event `sale` is published since 2027-01-15T07:00:00.000Z" in told
    assert "- volume: 500 records happened" in told
    assert "all there" not in told
    assert format_instant(NOW - 2 * HOUR + OUTAGE) in told
    assert "only a contract that refuses them and `tideline apply` take them out" in told
    assert "quality/page.html" in told


@pytest.mark.parametrize(
    ("checked", "said", "accepted"),
    [
        (CHECKED, "no rule of a contract tells them apart", True),
        (broken("quarantined"), "`rule:till` 7, `size:type` 2", True),
        (broken("freshness"), "It ends with the next record", True),
        (broken("conservation"), "`tideline batch recompute VIEW`", False),
        (broken("segments"), "`tideline batch recompute VIEW`", False),
        (broken("contract", contract=True), "`tideline batch recompute VIEW`", False),
        (replace(CHECKED, measured=[replace(FLOOD, observed=0)]), "ask its producers", True),
    ],
)
def test_only_what_producers_sent_may_be_accepted(checked: Checked, said: str, accepted: bool) -> None:
    told = alarm(checked, NOW)
    assert said in told
    assert ("tideline batch accept-stop sale" in told) == accepted


def test_a_check_that_passed_has_no_alarm() -> None:
    assert encode_checked(CHECKED, NOW)["alarm"] == alarm(CHECKED, NOW)
    passed = encode_checked(replace(CHECKED, measured=CHECKED.measured[:1]), NOW)
    assert (passed["passed"], passed["alarm"], passed["broken"]) == (True, None, [])


def rows(*of: tuple[str | None, int | None, float, bool]) -> pa.Table:
    found = [
        {"till": till, "size": size, "price": Decimal("1.00"), "ratio": ratio, "paid": paid}
        for till, size, ratio, paid in of
    ]
    schema = {
        "till": pa.string(),
        "size": pa.int64(),
        "price": pa.decimal128(18, 2),
        "ratio": pa.float64(),
        "paid": pa.bool_(),
    }
    return pa.Table.from_pylist(found, schema=pa.schema(list(schema.items())))


USUAL = rows(("a", 1, 0.5, True), ("b", 9, 1.5, False), ("c", None, 1.0, True), ("d", 5, 1.0, False))


def test_the_column_that_is_off_gives_the_rule() -> None:
    flood = rows(("a", 3, 1.0, True), *[("ghost", 70, 1.0, False)] * 9)
    first, second = find_suspects(EVENT, flood, USUAL)
    assert (first.column, first.share) == ("size", 0.9)
    assert first.rule == '(col("size") >= 1) & (col("size") <= 9)'
    assert (second.column, second.rule) == ("till", "col(\"till\") != 'ghost'")
    told = alarm(replace(CHECKED, suspects=[first, second]), NOW)
    assert 'the rule `(col("size") >= 1) & (col("size") <= 9)` in the contract of `sale` would take them out' in told


def test_nulls_that_are_new_are_off() -> None:
    flood = rows(*[(None, 3, 1.0, True)] * 4)
    assert [(each.column, each.rule) for each in find_suspects(EVENT, flood, USUAL)] == [
        ("till", 'col("till").is_not_null()')
    ]


def test_nothing_is_off_where_records_are_alike() -> None:
    assert find_suspects(EVENT, pa.concat_tables([USUAL] * 9), USUAL) == []
    assert find_suspects(EVENT, USUAL, USUAL.slice(0, 0)) == []
