"""What turned out, day by day and over a window, with figures worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from batch_layer.watching.turned_out import by_day, coverage, since
from schemas.core.instants import DAY, HOUR, Instant
from schemas.lake.watches import Coverage


def outcomes(*rows: tuple[int, str, str, float, bool]) -> Any:
    names = ("event_time", "model_version", "source", "score", "label")
    schema = pa.schema(
        [
            (names[0], pa.int64()),
            *((name, pa.string()) for name in names[1:3]),
            ("score", pa.float64()),
            ("label", pa.bool_()),
        ]
    )
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=schema)


# day 1 ├── 9: two, one lower ──┤ 10: two ──┤ day 2 ├── 9: one ──┤      last good says nothing of a version
TOLD = outcomes(
    (DAY, "9", "champion", 0.8, True),
    (DAY + HOUR, "9", "champion", 0.4, False),
    (2 * DAY - 1, "10", "champion", 0.5, True),
    (2 * DAY - 1, "10", "champion", 0.25, True),
    (DAY, "9", "last_good", 0.01, True),
    (2 * DAY, "9", "champion", 0.9, False),
)


def test_days_are_of_utc_and_versions_apart() -> None:
    found = by_day(TOLD)
    assert [(each.day, each.version, each.rows, each.positives) for each in found] == [
        (DAY, "9", 2, 1),
        (DAY, "10", 2, 2),
        (2 * DAY, "9", 1, 0),
    ]
    assert [each.auc for each in found] == [1.0, None, None]
    assert found[0].log_loss == pytest.approx(-(math.log(0.8) + math.log(0.6)) / 2)
    assert found[1].calibration == pytest.approx((0.5 + 0.75) / 2)
    assert by_day(TOLD.slice(0, 0)) == ()


def test_a_window_begins_where_it_is_told() -> None:
    found = since(TOLD, Instant(DAY + HOUR))
    assert [(each.day, each.version, each.rows, each.auc) for each in found] == [
        (None, "9", 2, None),
        (None, "10", 2, None),
    ]


def test_coverage_counts_what_was_told_and_what_cannot_be() -> None:
    rows = pa.table({"event_id": ["a", "b", "c", "d"], "key": ["k", "l", None, "m"]})
    assert coverage(rows, pa.table({"event_id": ["b", "a", "other"]}), ["key"]) == Coverage(4, 2, 1)
    assert coverage(rows.slice(0, 0), pa.table({"event_id": pa.array([], pa.string())}), ["key"]) == Coverage(0, 0, 0)
