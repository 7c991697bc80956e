"""Training sets by Spark are the rows of the reference, one a spine event; what comes later moves none of them."""

from __future__ import annotations

import decimal
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from pyspark.sql import SparkSession

from batch_layer.point_in_time.training_set import build_training_set
from batch_layer.tables import judged_application, judged_version, valid_table
from schemas.core import names
from schemas.core.aggregates import answer_value
from schemas.core.codec import contract_of
from schemas.core.counting import counted
from schemas.core.errors import RefusedError
from schemas.core.events import Event
from schemas.core.instants import DAY, HOUR, MINUTE, Instant, parse_instant
from schemas.core.language import (
    View,
    ask,
    bool_,
    col,
    count,
    first,
    float64,
    int64,
    label,
    last,
    max_,
    mean,
    min_,
    stddev,
    string,
    sum_,
)
from schemas.core.language import (
    decimal as decimal_of,
)
from schemas.core.records import Record
from schemas.core.training_rows import TrainingRow, training_rows
from schemas.core.types import Decimal, Type, Value
from schemas.lake.tables import data_of
from schemas.lake.training_sets import TrainingSet, training_sets
from tests.models import plain_model

ORDER: Final = Event(
    "order",
    fields={
        "shop": string.optional,
        "till": int64.optional,
        "paid": bool_,
        "price": decimal_of(2),
        "weight": float64.optional,
    },
    horizon="1h",
)
REFUND: Final = Event("refund", fields={"till": int64, "late": int64.optional, "shop": string}, horizon="1h")
_EACH: Final[dict[str, Any]] = {
    "prices": sum_("price"),
    "share": mean("paid"),
    "least": min_("price"),
    "most": max_("weight"),
    "spread": stddev("weight", around=1),
    "weights": sum_("weight"),
    "first_till": first("till"),
    "last_price": last("price"),
    "last_id": last("event_id"),
}
WINDOWS: Final = View(
    "windows",
    on=ORDER,
    by="shop",
    where=col("weight").is_null() | (col("weight") < 5),
    features={"n": count().over("30m", "6h", "1d"), **{name: each.over("1d") for name, each in _EACH.items()}},
)
EVER: Final = View("ever", on=ORDER, by=("till", "shop"), features={"n": count(), **_EACH})
BOTH: Final = View(
    "both", on=REFUND, by="shop", features={"n": count().over("2h"), "all": sum_("late"), "till": last("till")}
)
MODEL: Final = plain_model(
    "refunded",
    on=ORDER,
    request=("price", "weight"),
    features={"windows": ask(WINDOWS), "ever": ask(EVER), "both": ask(BOTH)},
    label=label(REFUND, col("late") > 1, by=("shop", "till"), within="3h", absent=False),
    baseline="weight",
)

START: Final = parse_instant("1969-12-28T00:00:00Z")
HALF, END = Instant(START + 5 * DAY), Instant(START + 8 * DAY)
Records = dict[str, list[Record]]


def history(seed: int, size: int) -> Records:
    """Late by up to days, copied, at equal instants and on the edges of hours; a shop with most of it, and no shop."""
    draw, found = random.Random(seed), Records()
    for event in (ORDER, REFUND):
        made: list[Record] = []
        clocks = [START, START]
        for number in range(size):
            partition = draw.choice((0, 1))
            clocks[partition] = Instant(clocks[partition] + draw.choice((0, MINUTE, 15 * MINUTE, HOUR // 2 + 7)))
            at = clocks[partition] = Instant(min(clocks[partition], END - 1))
            late = draw.choice((0, 0, 0, 1, 5 * MINUTE, HOUR, 26 * HOUR, 3 * DAY))
            values: dict[str, Value] = {
                "shop": draw.choice(("a", "a", "a", "b", "é", None if event is ORDER else "c")),
                "till": draw.choice((1, 2, None if event is ORDER else 3)),
            }
            if event is ORDER:
                values |= {
                    "paid": draw.random() < 0.4,
                    "price": draw.choice((0, 1, -999, 10**17, draw.randrange(10**6))),
                    "weight": draw.choice((None, 0.5, -2.25, 7.5, draw.random())),
                }
            else:
                values["late"] = draw.choice((None, 0, 2, 2**62))
            # Every tenth id is shared by records close together, so that some are copies and do not count.
            name = f"{number // 10}-" if number % 10 < 2 else f"{number}"
            made.append(Record(name, Instant(at - late), at, partition, number, values))
        found[event.name] = made
    return found


def write(lake: Path, records: Mapping[str, Sequence[Record]], start: Instant | None, end: Instant) -> None:
    """The valid tables as a run that judged `[start, end)` leaves them."""
    for event in (ORDER, REFUND):
        counting = {id(each) for each in counted(records[event.name], event.horizon)}
        types = {name: field.type for name, field in event.fields}
        rows = [
            {
                "event_id": each.event_id,
                "available_at": each.available_at,
                names.PARTITION: each.partition,
                names.OFFSET: each.offset,
                "event_time": each.event_time,
                **{name: stored(each.values[name], of) for name, of in types.items()},
                names.COUNTED: id(each) in counting,
            }
            for each in records[event.name]
            if (start is None or each.available_at >= start) and each.available_at < end
        ]
        opened = DeltaTable(str(valid_table(lake, event)))
        under = Transaction(judged_application(lake, event), judged_version(end))
        data = pa.Table.from_pylist(rows, schema=data_of(opened).schema)
        write_deltalake(opened, data, mode="append", commit_properties=CommitProperties(app_transactions=[under]))


def stored(value: Value, of: Type) -> Any:
    return decimal.Decimal(int(value)).scaleb(-of.scale) if isinstance(of, Decimal) and value is not None else value


def build(spark: SparkSession, lake: Path, **more: Any) -> tuple[TrainingSet, dict[tuple[int, int], dict[str, Any]]]:
    done = build_training_set(spark, lake, MODEL, now=Instant(7), report=lambda _: None, **more)
    table = DeltaTable(str(lake / done.table), version=done.version)
    rows = data_of(table).to_table().to_pylist()
    found = {(row[names.PARTITION], row[names.OFFSET]): row for row in rows}
    assert len(found) == len(rows) == done.rows
    return done, found


def differing(expected: Iterable[TrainingRow], found: Mapping[tuple[int, int], Mapping[str, Any]]) -> list[Any]:
    types = {each.name: each.type for each in MODEL.inputs}
    differences: list[Any] = []
    for row in expected:
        got = found[row.record.partition, row.record.offset]
        differences += [
            (row.record, name, value, got[name])
            for name, value in row.features.items()
            if not same(value, answer_value(plain(got[name], types[name]), types[name]))
        ]
        outcome = row.record.event_id, row.record.available_at, row.label, row.label_at
        if outcome != (got["event_id"], got["available_at"], got["_label"], got["_label_at"]):
            differences.append((row, got))
        differences += [name for name in MODEL.spine if plain(got[name], MODEL.spine[name]) != row.record.values[name]]
    return differences


def plain(value: Any, of: Type) -> Value:
    if isinstance(value, decimal.Decimal):
        return int(value.scaleb(of.scale if isinstance(of, Decimal) else 0))
    found: Value = value
    return found


def same(left: Value, right: Value) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-6)
    return left == right


def alike(left: Mapping[tuple[int, int], Any], right: Mapping[tuple[int, int], Any]) -> bool:
    """Equal but for the order in which floats were added, which follows the chunks and so what is asked about."""
    return left.keys() == right.keys() and all(
        same(value, right[place][name]) for place, row in left.items() for name, value in row.items()
    )


def test_every_row_is_the_reference_and_the_future_moves_none(spark: SparkSession, lake: Path) -> None:
    records = history(3, 700)
    with pytest.raises(RefusedError, match="is not judged"):
        build(spark, lake)
    write(lake, records, None, HALF)
    expected = training_rows(MODEL, records, HALF)
    done, found = build(spark, lake)
    assert 100 < len(expected) == len(found)
    assert {row.label for row in expected} == {None, False, True}
    assert differing(expected, found) == []
    contracts = {event.name: contract_of(event) for event in (ORDER, REFUND)}
    assert {name: (each.contract, each.version) for name, each in done.sources.items()} == {
        name: (contract, 1) for name, contract in contracts.items()
    }
    assert training_sets(lake, MODEL.name) == [done]

    write(lake, records, HALF, END)
    later, more = build(spark, lake)
    assert (later.version, later.as_of) == (done.version + 1, END)
    assert alike({place: more[place] for place in found}, found)
    part, some = build(spark, lake, start=Instant(START + 2 * DAY), end=Instant(START + 4 * DAY + 1))
    assert alike(some, {place: row for place, row in more.items() if part.start <= row["available_at"] < part.end})
    with pytest.raises(RefusedError, match="has had its horizon pass"):
        build(spark, lake, start=Instant(END - HOUR))
