"""What the check reads is what was received: judged again, `available_at` computed again, in order of arrival."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from infra.verify import received
from infra.verify.received import Received, valid_records
from schemas.core import names
from schemas.core.instants import Instant
from schemas.core.language import Event, col, float64, string

READING = Event("reading", fields={"place": string, "value": float64}, imported_at=col("event_time"), skew="1m")
SCHEMA = pa.schema(
    [
        ("_partition", pa.int32()),
        ("_offset", pa.int64()),
        ("append_time", pa.int64()),
        ("log_append", pa.bool_()),
        ("body", pa.binary()),
        ("tick", pa.bool_()),
    ]
)


def body(name: str, value: float = 1.0) -> bytes:
    return orjson.dumps({"event_id": name, "event_time": "1970-01-01T00:00:05Z", "place": "quay", "value": value})


def row(partition: int, offset: int, append_time: int | None, name: str = "", **changed: Any) -> dict[str, Any]:
    plain = {"log_append": append_time is not None, "body": body(name) if name else None, "tick": not name}
    return {"_partition": partition, "_offset": offset, "append_time": append_time, **plain, **changed}


@pytest.fixture(name="lake")
def lake_fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake with a few raw records, and a log that goes on after them."""
    rows = [
        row(0, 2, 11_000, "c"),
        row(0, 0, 12_000, "a"),
        row(0, 1, 8_000, "b"),
        row(0, 1, 8_000, "b"),
        row(0, 3, None, "d"),
        row(0, 4, 11_500),
        row(-1, 0, None, "i"),
        row(1, 0, 30_000, "e", body=b"{"),
    ]
    write_deltalake(str(tmp_path / names.raw_table("reading")), pa.Table.from_pylist(rows, schema=SCHEMA))

    def logged(topic: str, kafka: str, starts: dict[int, int]) -> Iterator[Received]:
        assert (topic, kafka, starts) == ("events.reading", "broker", {-1: 1, 0: 5, 1: 1})
        yield Received(0, 5, Instant(9_000), True, body("f"), False)
        yield Received(1, 1, Instant(40_000), True, body("g"), False)

    monkeypatch.setattr(received, "_logged", logged)
    return tmp_path


def test_available_at_is_the_running_maximum_whatever_the_clock_did(lake: Path) -> None:
    """Partition 0: 12, then a clock that steps back to 8; what the log adds goes on from the same maximum."""
    found = {record.event_id: record.available_at for record in valid_records(READING, lake, "broker", {})}
    assert found == {"i": 5_000, "a": 12_000, "b": 12_000, "c": 12_000, "f": 12_000, "g": 40_000}


def test_what_was_read_reaches_to_the_greatest_append_time_of_a_partition(lake: Path) -> None:
    reached: dict[int, Instant] = {}
    assert list(valid_records(READING, lake, "broker", reached))
    assert reached == {0: 12_000, 1: 40_000}


def test_one_coordinate_is_one_record(lake: Path) -> None:
    places = [(record.partition, record.offset) for record in valid_records(READING, lake, "broker", {})]
    assert sorted(places) == sorted(set(places))


def test_a_lake_without_the_event_has_the_log_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def logged(topic: str, kafka: str, starts: dict[int, int]) -> Iterator[Received]:
        assert (topic, kafka, starts) == ("events.reading", "broker", {})
        yield Received(0, 0, Instant(7_000), True, body("z"), False)

    monkeypatch.setattr(received, "_logged", logged)
    assert [record.event_id for record in valid_records(READING, tmp_path, "broker", {})] == ["z"]
