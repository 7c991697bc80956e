"""What rules look at, over small tables that are written here: no JVM."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from batch_layer.conservation import Conservation
from batch_layer.quality.figures import cut, read_figures, records_of
from batch_layer.quality.limits import LIMITS
from batch_layer.tables import QUARANTINE, quarantine_table, raw_table, valid_table
from schemas.core.instants import DAY, HOUR, MINUTE, Instant
from schemas.core.language import Event, string

EVENT = Event("sale", fields={"till": string})
END = Instant(100 * DAY)
WEEK = 7 * DAY
COUNTED = Conservation()
"""Counted beside these figures, and handed through."""


def put(lake: Path, happened: Iterable[tuple[int, int]], *, counted: bool = True, till: str = "a") -> None:
    """Valid records by (`event_time`, `available_at`)."""
    table = valid_table(lake, EVENT)
    start = DeltaTable(str(table)).version() * 1_000
    rows = [
        {
            "event_id": f"{start + index}",
            "available_at": available_at,
            "_partition": 0,
            "_offset": start + index,
            "event_time": at,
            "till": till,
            "_counted": counted,
        }
        for index, (at, available_at) in enumerate(happened)
    ]
    schema = pa.schema(DeltaTable(str(table)).schema().to_arrow())
    write_deltalake(str(table), pa.Table.from_pylist(rows, schema=schema), mode="append")


def quarantine(lake: Path, *reasons: str, available_at: int) -> None:
    rows = [
        {"_partition": 0, "_offset": index, "available_at": available_at, "reason": each}
        for index, each in enumerate(reasons)
    ]
    write_deltalake(str(quarantine_table(lake, EVENT)), pa.Table.from_pylist(rows, schema=QUARANTINE), mode="append")


@pytest.fixture(name="lake")
def lake_fixture(tmp_path: Path) -> Path:
    """Begun five weeks ago and a day."""
    raw_table(tmp_path, EVENT.name)
    quarantine_table(tmp_path, EVENT)
    put(tmp_path, [(END - 5 * WEEK - DAY, END - 5 * WEEK - DAY)])
    return tmp_path


# start ──────── END      the last hour always, whole hours back to the start, nothing below a floor, a week at most
@pytest.mark.parametrize(
    ("start", "floor", "spans"),
    [
        (END - MINUTE, None, [(-HOUR, 0)]),
        (END - 90 * MINUTE, None, [(-HOUR, 0), (-90 * MINUTE, -HOUR)]),
        (END - 2 * HOUR, END - 80 * MINUTE, [(-HOUR, 0), (-80 * MINUTE, -HOUR)]),
        (END - MINUTE, END - 20 * MINUTE, [(-20 * MINUTE, 0)]),
        (END - HOUR, END, []),
        (None, None, [(-HOUR, 0)]),
        (None, END - 90 * MINUTE, [(-HOUR, 0), (-90 * MINUTE, -HOUR)]),
    ],
)
def test_hours_are_cut_back_from_the_end(start: int | None, floor: int | None, spans: list[tuple[int, int]]) -> None:
    found = cut(
        None if start is None else Instant(start), END, floor=None if floor is None else Instant(floor), limits=LIMITS
    )
    assert found == [(END + first, END + last) for first, last in spans]


def test_no_more_than_a_week_is_looked_at() -> None:
    found = cut(Instant(0), END, floor=None, limits=LIMITS)
    assert (len(found), found[-1]) == (168, (END - WEEK, END - WEEK + HOUR))


def test_former_weeks_are_counted_as_they_were_known_then(lake: Path) -> None:
    """Of the week before: three on time, one that was a day late, one that did not count, one an hour before."""
    hour = END - HOUR
    put(lake, [(hour, hour), (hour + 1, hour + 1)])
    put(lake, [(hour, hour)], counted=False)
    before = hour - WEEK
    put(lake, [(before + each, before + each) for each in range(3)])
    put(lake, [(before, before + DAY), (before - 1, before - 1)])
    put(lake, [(before, before)], counted=False)
    found = read_figures(lake, EVENT, Instant(END - MINUTE), END, COUNTED, floor=None, limits=LIMITS)
    (piece,) = found.pieces
    assert (piece.start, piece.end, piece.counted) == (hour, END, 2)
    assert piece.former == [(1, 3, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)]


def test_weeks_before_the_first_record_say_nothing(lake: Path) -> None:
    end = Instant(END - 3 * WEEK)
    found = read_figures(lake, EVENT, None, end, COUNTED, floor=None, limits=LIMITS)
    assert [len(each.former) for each in found.pieces] == [2]
    assert len(found.silences) == 1, "of the silence of a week, what was a week before has to be known too"


def test_silence_is_compared_with_the_same_moments(lake: Path) -> None:
    put(lake, [(END - 5 * MINUTE, END - 5 * MINUTE)])
    for week in (1, 2, 3, 4):
        put(lake, [(END - week * WEEK - 3 * HOUR, END - week * WEEK - 3 * HOUR)])
    found = read_figures(lake, EVENT, None, END, COUNTED, floor=None, limits=LIMITS)
    assert found.silence == 5 * MINUTE
    assert list(found.silences) == [4 * HOUR] * 4, "seen from an hour later"
    found = read_figures(lake, EVENT, None, END, COUNTED, floor=Instant(END - MINUTE), limits=LIMITS)
    assert found.silence == MINUTE


def test_the_share_is_of_what_came_in_since(lake: Path) -> None:
    put(lake, [(END - 10, END - 10), (END - 5, END - 5)])
    put(lake, [(END - 5, END - 5)], counted=False)
    quarantine(lake, "rule:a", "rule:a", "till:type", available_at=END - 5)
    quarantine(lake, "rule:b", available_at=END - 20)
    quarantine(lake, "rule:b", available_at=END)
    for start, floor, received, reasons in (
        (END - 10, None, 6, {"rule:a": 2, "till:type": 1}),
        (END - 20, None, 7, {"rule:a": 2, "till:type": 1, "rule:b": 1}),
        (END - 20, END - 9, 5, {"rule:a": 2, "till:type": 1}),
    ):
        found = read_figures(
            lake, EVENT, Instant(start), END, COUNTED, floor=None if floor is None else Instant(floor), limits=LIMITS
        )
        assert (found.received, found.quarantined) == (received, sum(reasons.values()))
        assert found.reasons == reasons


def test_records_of_an_hour_and_of_the_same_hours_before(lake: Path) -> None:
    hour = END - HOUR
    put(lake, [(hour, hour)], till="now")
    for week in (1, 2, 3, 4):
        put(lake, [(hour - week * WEEK, hour - week * WEEK)], till=f"week {week}")
    (piece,) = read_figures(lake, EVENT, None, END, COUNTED, floor=None, limits=LIMITS).pieces
    now, former = records_of(lake, EVENT, piece, END)
    assert now.to_pydict() == {"till": ["now"]}
    assert sorted(former["till"].to_pylist()) == ["week 1", "week 2", "week 3", "week 4"]
