"""Hostile records: Flink gives the verdict and the values that plain Python gives, and goes on."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from schemas.core.instants import Instant
from schemas.core.runs import Run
from schemas.core.types import Decimal, Float64
from schemas.core.verdict import Quarantined, judge
from schemas.settings import Settings
from speed_layer.compile import available_sql, fields_sql, parse_sql, source_sql, verdict_sql
from speed_layer.expressions import quoted, sql_type
from speed_layer.fields import fields_of
from speed_layer.flink import Flink
from speed_layer.spec import CONFIGURATION
from speed_layer.submission import Submission, alone, submit
from tests.hostile import HOSTILE, bodies
from tests.stack.speed.running import Sent, create_topic, produce, read_all, tick, wait_for

RUN = Run("hostile", "hostile", "", Instant(0), {0: 0}, "", {}, Instant(0), "started")


@pytest.fixture(scope="module", name="verdicts")
def verdicts_fixture(speed: Settings, flink: Flink) -> list[tuple[bytes | None, Instant, dict[str, Any]]]:
    """Each body, when it was available, and the row that Flink made of it."""
    topic, judged = f"hostile.{secrets.token_hex(3)}", f"hostile.{secrets.token_hex(3)}"
    create_topic(speed.kafka, topic, 1)
    create_topic(speed.kafka, judged, 1)
    records = [each for given in bodies() for each in (Sent(given), tick())]
    sent = [each for each in produce(speed.kafka, topic, records) if not each.sent.headers]
    with alone(speed) as lock:
        assert submit(speed, lock, [Submission(RUN, _spec(speed, topic, judged), None)]) == {}

    def all_rows() -> dict[int, dict[str, Any]] | None:
        found = {value["_offset"]: value for _, value in read_all(speed.kafka, judged)}
        return found if len(found) >= len(sent) else None

    rows = wait_for("the verdicts", all_rows)
    assert rows.keys() == {each.offset for each in sent}
    assert flink.restarts(flink.living()["hostile"]) == 0
    return [(each.sent.body, Instant(each.timestamp), rows[each.offset]) for each in sent]


def test_reasons(verdicts: list[tuple[bytes | None, Instant, dict[str, Any]]]) -> None:
    wrong = []
    for given, available_at, row in verdicts:
        expected = judge(HOSTILE, given, available_at=available_at)
        reason = expected.reason if isinstance(expected, Quarantined) else None
        if row["_reason"] != reason:
            wrong.append((given, reason, row["_reason"]))
    assert wrong == []


def test_values(verdicts: list[tuple[bytes | None, Instant, dict[str, Any]]]) -> None:
    wrong = []
    for given, available_at, row in verdicts:
        expected = judge(HOSTILE, given, available_at=available_at)
        if isinstance(expected, Quarantined) or row["_reason"] is not None:
            continue
        values = {**expected.values, "event_id": expected.event_id, "event_time": expected.event_time}
        for name, of in HOSTILE.types.items():
            if name != "available_at" and repr(_shown(row[name], of)) != repr(values[name]):
                wrong.append((given, name, values[name], row[name]))
        assert row["available_at"] == available_at
    assert wrong == []


def _shown(value: Any, of: object) -> Any:
    if value is not None and isinstance(of, Decimal):
        whole, _, decimals = value.partition(".")
        return int(whole + decimals)
    return float(value) if value is not None and isinstance(of, Float64) else value


def _spec(speed: Settings, topic: str, judged: str) -> dict[str, Any]:
    stage = "`received`"
    for compiled in (parse_sql, available_sql, fields_sql, verdict_sql):
        stage = f"({compiled(HOSTILE, stage)})"
    columns = {name: field.type for name, field in fields_of(HOSTILE)}
    types = {name: "STRING" if isinstance(of, Decimal) else sql_type(of) for name, of in columns.items()}
    listed = ", ".join(f"{quoted(name)} {of}" for name, of in types.items())
    chosen = ", ".join(f"CAST({quoted(name)} AS {of})" for name, of in types.items())
    sink = f"""CREATE TABLE `verdicts` (`_offset` BIGINT, `available_at` BIGINT, `_reason` STRING, {listed}) WITH (
      'connector' = 'kafka', 'format' = 'json',
      'topic' = '{judged}', 'properties.bootstrap.servers' = '{speed.kafka}')"""
    return {
        "configuration": {
            **CONFIGURATION,
            "pipeline.name": "hostile",
            "execution.checkpointing.dir": (speed.flink_state / "hostile").as_uri(),
        },
        "tables": [source_sql(topic, brokers=speed.kafka, group="hostile", offsets={0: 0}), sink],
        "stages": [],
        "inserts": [f"INSERT INTO `verdicts` SELECT `_offset`, `available_at`, `_reason`, {chosen} FROM {stage}"],
    }
