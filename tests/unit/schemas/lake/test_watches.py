"""What watches found, in a table of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from schemas.core.instants import DAY, Instant
from schemas.lake.watches import Coverage, Drift, Outcomes, Reason, Skew, Watched, append_watch, read_watches

WATCHED: Final = Watched(
    run="hourly",
    model="late_order",
    version="3",
    definition="d",
    at=Instant(9 * DAY),
    start=Instant(8 * DAY),
    rows=700,
    labels=12,
    drift={"items": Drift(0.31, 0.05, 0.1, 0.0)},
    quality=(Outcomes("3", Instant(8 * DAY), 10, 4, 0.7, 0.5, 0.1),),
    recent=(Outcomes("3", None, 10, 0, None, 0.5, 0.1),),
    coverage=Coverage(10, 8, 1),
    skew={"shop": Skew(700, 3_500, {"behind": 2, "unexplained": 0}, ({"feature": "n", "served": None},))},
    reasons=(Reason("drift", "items moved"), Reason("labels", "enough")),
    held_back={"labels": "asked an hour ago"},
    note="",
)


def test_watches_come_back_in_order_and_since(tmp_path: Path) -> None:
    assert read_watches(tmp_path, since=Instant(0)) == []
    later = replace(WATCHED, model="another", at=Instant(10 * DAY), drift={}, version="", note="no champion")
    for each in (WATCHED, later):
        append_watch(tmp_path, each)
    assert read_watches(tmp_path, since=Instant(0)) == [WATCHED, later]
    assert read_watches(tmp_path, since=Instant(10 * DAY)) == [later]


def test_shares_and_what_is_asked_for() -> None:
    assert WATCHED.coverage.share == 0.8
    assert Coverage(0, 0, 0).share is None
    assert WATCHED.quality[0].base_rate == 0.4
    assert WATCHED.asking == (Reason("drift", "items moved"),)
