"""Hostile records: Spark gives the verdict and the values that plain Python gives, and no record makes it throw."""

from __future__ import annotations

from decimal import Decimal as Exact
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from batch_layer.conservation import conservation
from batch_layer.little import interpreting
from batch_layer.tables import quarantine_table, valid_table
from batch_layer.valid import judge_interval
from schemas.core.instants import Instant, parse_instant
from schemas.core.language import Event, col, string, timestamp
from schemas.core.records import IMPORTED
from schemas.core.types import Decimal, Type
from schemas.core.verdict import Quarantined, Valid
from schemas.lake.tables import data_of
from tests.hostile import HOSTILE, bodies
from tests.stack.batch.raw import Placed, Row, judged, place, write

END = Instant(2_000_000_000_000)
Verdicts = dict[tuple[int, int], Valid | Quarantined]


def judge_all(spark: SparkSession, lake: Path, event: Event, rows: list[Row]) -> tuple[Verdicts, Verdicts]:
    """What plain Python and what Spark make of the rows."""
    placed = place(rows)
    write(lake, event, placed)
    judge_interval(spark, lake, event, start=None, end=END)
    return judged(event, placed), by_spark(lake, event)


def by_spark(lake: Path, event: Event) -> Verdicts:
    found: Verdicts = {
        _place(row): Quarantined(row["reason"])
        for row in data_of(DeltaTable(str(quarantine_table(lake, event)))).to_table().to_pylist()
    }
    for row in data_of(DeltaTable(str(valid_table(lake, event)))).to_table().to_pylist():
        assert _place(row) not in found
        values = {name: _held(row[name], field.type) for name, field in event.fields}
        found[_place(row)] = Valid(row["event_id"], row["event_time"], row["available_at"], values)
    return found


def _place(row: dict[str, Any]) -> tuple[int, int]:
    return row["_partition"], row["_offset"]


def _held(value: Any, of: Type) -> Any:
    if isinstance(value, Exact) and isinstance(of, Decimal):
        return int(value.scaleb(of.scale))
    return value


@pytest.fixture(scope="module", name="verdicts", params=["compiled", "interpreted"])
def verdicts_fixture(
    spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> list[tuple[Row, Valid | Quarantined, Valid | Quarantined]]:
    """Each row with what plain Python and Spark say of it."""
    at = parse_instant("2014-01-01T00:00:00Z")
    rows = [Row(body, at + number) for number, body in enumerate(bodies())]
    rows += [Row(b"{}", at, log_append=False), Row(None, at, tick=True)]
    session = interpreting(spark) if request.param == "interpreted" else spark
    expected, found = judge_all(session, tmp_path_factory.mktemp("hostile"), HOSTILE, rows)
    assert found.keys() == expected.keys()
    return [(rows[offset], expected[0, offset], found[0, offset]) for _, offset in sorted(expected)]


def test_reasons(verdicts: list[tuple[Row, Valid | Quarantined, Valid | Quarantined]]) -> None:
    reasons = [
        (row.body, _reason(expected), _reason(found))
        for row, expected, found in verdicts
        if _reason(expected) != _reason(found)
    ]
    assert reasons == []
    assert len({_reason(expected) for _, expected, _ in verdicts}) > 20


def test_values(verdicts: list[tuple[Row, Valid | Quarantined, Valid | Quarantined]]) -> None:
    """Compared as text, so that 1 is not 1.0 and -0.0 is not 0.0."""
    valid = [each for each in verdicts if isinstance(each[1], Valid)]
    assert [(row.body, expected, found) for row, expected, found in valid if repr(expected) != repr(found)] == []
    assert len(valid) > 100


def _reason(verdict: Valid | Quarantined) -> str | None:
    return verdict.reason if isinstance(verdict, Quarantined) else None


def test_an_import_declares_when_it_was_available(spark: SparkSession, lake: Path) -> None:
    event = Event(
        "imported", fields={"shop": string, "known_at": timestamp.optional}, imported_at=col("known_at"), skew="1s"
    )
    bodies = [
        b'{"event_id":"a","event_time":"1969-12-31T23:59:59.9995Z","shop":"s","known_at":"1970-01-01T00:00:00Z"}',
        b'{"event_id":"b","event_time":"1970-01-01T00:00:00Z","shop":"s"}',
        b'{"event_id":"c","event_time":"1970-01-01T00:00:01.001Z","shop":"s","known_at":"1970-01-01T00:00:00Z"}',
        b'{"event_id":"d","event_time":"1970-01-01T00:00:01.000Z","shop":"s","known_at":"1970-01-01T00:00:00Z"}',
        b"no object",
    ]
    rows = [Row(body, partition=IMPORTED) for body in bodies]
    expected, found = judge_all(spark, lake, event, rows)
    assert found == expected
    assert [_reason(expected[IMPORTED, offset]) for offset in range(5)] == [
        None,
        "available_at:missing",
        "event_time:future",
        None,
        "not_json_object",
    ]
    assert found[IMPORTED, 0] == Valid("a", Instant(-1), Instant(0), {"shop": "s", "known_at": 0})


def test_fields_may_have_the_names_of_columns_of_raw(spark: SparkSession, lake: Path) -> None:
    names = ("key", "body", "topic", "tick", "reason", "append_time", "earlier", "field", "kind")
    event = Event("clashing", fields=dict.fromkeys(names, string))
    body = '{"event_id":"a","event_time":"1970-01-01T00:00:00Z",' + ",".join(f'"{name}":"{name}!"' for name in names)
    expected, found = judge_all(spark, lake, event, [Row(body.encode() + b"}")])
    assert found == expected == {(0, 0): Valid("a", Instant(0), Instant(0), {name: f"{name}!" for name in names})}


def test_a_record_that_is_archived_twice_is_one_record(spark: SparkSession, lake: Path) -> None:
    event = Event("doubled", fields={"shop": string})
    good = b'{"event_id":"a","event_time":"1970-01-01T00:00:00Z","shop":"s"}'
    placed = place([Row(good, 1), Row(b"bad", 2), Row(good, 3)])
    write(lake, event, placed)
    write(lake, event, placed)
    judge_interval(spark, lake, event, start=None, end=END)
    assert by_spark(lake, event) == judged(event, placed)
    count = conservation(lake, event, END)
    assert (count.received, count.valid, count.duplicate, count.quarantined) == (3, 1, 1, 1)
    assert count.holds


def test_a_record_before_any_timestamp_of_the_broker_is_quarantined_once(spark: SparkSession, lake: Path) -> None:
    event = Event("early", fields={"shop": string})
    good = b'{"event_id":"a","event_time":"1970-01-01T00:00:00Z","shop":"s"}'
    placed: list[Placed] = place([Row(good, 1, log_append=False), Row(good, 5), Row(good, 3, log_append=False)])
    write(lake, event, placed)
    for again in (False, True):
        judge_interval(spark, lake, event, start=None, end=END, again=again)
        assert by_spark(lake, event) == judged(event, placed)
