"""Names of tables, topics and columns: fixed, since what is on disk and in the log bears them."""

from __future__ import annotations

from schemas.core import names

DIGEST = "0123456789abcdef" * 4


def test_places_are_named_by_meaning() -> None:
    assert names.event_topic("arrival") == "events.arrival"
    assert names.raw_table("arrival") == "raw/arrival"
    assert names.valid_table("arrival", DIGEST) == "valid/arrival-0123456789ab"
    assert names.quarantine_table("arrival", DIGEST) == "quarantine/arrival-0123456789ab"
    assert names.segments_table("delays", DIGEST) == "segments/delays-0123456789ab"
    assert names.speed_topic("r1", DIGEST) == "speed.r1.0123456789ab"
    assert names.consumer_group("r1") == "tideline.r1"


def test_stored_columns_never_meet_a_field() -> None:
    assert names.partial_column("late_share", "sum") == "late_share__sum"
    system = (names.TILE, names.EPOCH, names.N, names.AVAILABLE_AT, names.PARTITION, names.OFFSET, names.COUNTED)
    assert all(name.startswith("_") for name in (*system, names.SEGMENT))
