"""Few records are held against their contract in memory: what breaks it is named, and what is null is not looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from batch_layer.quality.docs import evaluate
from batch_layer.quality.rules import Measured
from batch_layer.quality.suite import is_known_to_pandas
from batch_layer.tables import arrow_type
from schemas.core import names
from schemas.core.events import Event
from schemas.core.instants import parse_instant
from schemas.core.language import bool_, col, decimal, float64, int64, string

EVENT: Final = Event(
    "order",
    fields={"shop": string, "till": int64.optional, "weight": float64.optional, "sent": bool_},
    rules={
        "shop": col("shop").is_in(["north", "south"]),
        "till": col("till").is_null() | ((col("till") >= 1) & (col("till") < 9)),
        "weight": col("weight").is_null() | (col("weight") <= 0.5),
        "sent_from_the_north": ~col("sent") | (col("shop") == "north"),
    },
)
NOW: Final = parse_instant("2026-11-22T12:00:00Z")
MEASURED: Final = [Measured("volume", "2026-11-22T11:00:00.000Z", 3, 1, 5, "three are usual")]
OBSERVED: Final = ("event_id:copy", "event_time:future", "event_id:type", "rule:sent_from_the_north")
SCHEMA: Final = pa.schema(
    [
        ("event_id", pa.string()),
        ("event_time", pa.int64()),
        ("available_at", pa.int64()),
        (names.PARTITION, pa.int32()),
        (names.OFFSET, pa.int64()),
        (names.COUNTED, pa.bool_()),
        *((name, arrow_type(field.type)) for name, field in EVENT.fields),
        *((name, pa.bool_()) for name in OBSERVED),
    ]
)


CHANGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "rule:shop": {"shop": "ghost"},
    "rule:till": {"till": 9},
    "rule:weight": {"weight": 0.51},
    "rule:sent_from_the_north": {"rule:sent_from_the_north": False},
    "shop:missing": {"shop": None},
    "event_id:missing": {"event_id": None},
    "event_id:copy": {"event_id:copy": False},
    "coordinates": {names.OFFSET: 0},
}
"""What is done to one record each, by the rule that this breaks."""


def table(changes: Iterable[Mapping[str, Any]] = ()) -> pa.Table:
    """Records that hold, at the edges of their rules and with all nulls that may be, and a changed one for each."""
    given = {"event_time": NOW, "available_at": NOW, names.PARTITION: 0, names.COUNTED: True, "sent": True}
    holding = {**given, "event_id": "1", "shop": "north", "till": 1, "weight": 0.5, **dict.fromkeys(OBSERVED, True)}
    rows = [holding, {**holding, "till": None, "weight": None}, {**holding, "till": 8, "weight": -1.0}]
    rows += [{**holding, **change} for change in changes]
    return pa.Table.from_pylist([{names.OFFSET: place, **row} for place, row in enumerate(rows)], schema=SCHEMA)


def broken(home: Path, records: pa.Table) -> dict[str, float]:
    found = evaluate(home, EVENT, records, MEASURED, NOW)
    assert (home / found.page).exists()
    return {each.of: each.observed for each in found.broken}


def test_records_that_hold_break_nothing(tmp_path: Path) -> None:
    assert broken(tmp_path, table()) == {}


def test_each_record_that_breaks_a_rule_is_counted_under_it(tmp_path: Path) -> None:
    # Two records are at one place.
    assert broken(tmp_path, table(CHANGES.values())) == {**dict.fromkeys(CHANGES, 1), "coordinates": 2}


def test_columns_of_another_type_and_one_too_much_are_named(tmp_path: Path) -> None:
    records = table().append_column("gift", pa.array([1] * 3))
    typed = [name for name in SCHEMA.names if name not in OBSERVED]
    for name in typed:
        # Without values, so that nothing but its type is wrong where it may be null.
        records = records.set_column(SCHEMA.get_field_index(name), name, pa.array([None] * 3, pa.float32()))
    found = broken(tmp_path, records)
    assert {rule for rule in found if rule.endswith(":type")} == {f"{name}:type" for name in typed}
    assert found["schema"] == 1


def test_decimals_are_left_to_spark() -> None:
    assert is_known_to_pandas(EVENT)
    assert not is_known_to_pandas(Event("paid", fields={"price": decimal(2)}))
