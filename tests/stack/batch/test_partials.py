"""Segments hold what the algebra of the core makes of the same records, wherever history is cut."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any, Final

import pytest
from pyspark.sql import SparkSession

from batch_layer.little import FEW, fitting
from batch_layer.planning import new_segment
from batch_layer.segments import append_segments, merged, partials
from batch_layer.tables import Stored
from batch_layer.valid import judge_interval
from schemas.core import names
from schemas.core.counting import counted
from schemas.core.generations import Compact, Segment
from schemas.core.instants import Instant, format_instant, parse_instant
from schemas.core.language import (
    Event,
    View,
    bool_,
    col,
    count,
    decimal,
    first,
    float64,
    int64,
    last,
    max_,
    mean,
    min_,
    stddev,
    string,
    sum_,
    timestamp,
    variance,
    when,
)
from schemas.core.records import IMPORTED
from tests.stack.batch.partials import differences, of_records, of_segments
from tests.stack.batch.raw import Placed, Row, place, records, write

EVENT: Final = Event(
    "sold",
    fields={
        "shop": string.optional,
        "till": int64.optional,
        "paid": bool_.optional,
        "weight": float64.optional,
        "price": decimal(2).optional,
        "due": timestamp.optional,
    },
    epoch="1s",
    horizon="25s",
    imported_at=col("event_time"),
)
_EACH: Final[dict[str, Any]] = {
    "shops": last("shop"),
    "tills": sum_("till"),
    "least_till": min_("till"),
    "greatest_till": max_("till"),
    "first_till": first("till"),
    "share": mean("paid"),
    "was_paid": last("paid"),
    "weights": sum_("weight"),
    "mean_weight": mean("weight"),
    "spread": variance("weight", around=3.5),
    "deviation": stddev("till"),
    "least_weight": min_("weight"),
    "last_weight": last("weight"),
    "prices": sum_("price"),
    "least_price": min_("price"),
    "first_price": first("price"),
    "latest_due": max_("due"),
    "last_due": last("due"),
    "ratio": mean(col("weight") / col("till")),
    "steep": sum_(col("weight") * col("weight") * col("weight") - 1),
    "cheap": sum_(when(col("price") < 3, col("price"), 5)),
    "odd": sum_((col("till") == 1) | (col("price") != col("till"))),
    "among": mean(col("shop").is_in(["a", "é"]) & ~col("paid")),
}
EVERY_SECOND: Final = View(
    "every_second", on=EVENT, by="shop", features={"sold": count().over("1h", hop="1s"), **_EACH}
)
LIFETIME: Final = View("lifetime", on=EVENT, by=("till", "paid", "shop"), features={"sold": count(), **_EACH})
FILTERED: Final = View(
    "filtered",
    on=EVENT,
    by="shop",
    where=(col("weight") / col("till") > 0.5) | (col("due") < col("event_time")),
    features={"sold": count().over("5m"), "weights": sum_("weight")},
)
VIEWS: Final = (EVERY_SECOND, LIFETIME, FILTERED)

START: Final = parse_instant("1969-12-31T23:59:00Z")
END: Final = Instant(START + 300_000)
LITTLE, MUCH = Stored(0, 0), Stored(FEW + 1, 0)
"""What Spark interprets and deltalake commits, and what Spark compiles and commits."""
MAGNITUDES: Final = 1e60
TILLS: Final = (None, 0, 1, -1, 7, 2**63 - 1, -(2**63), 2**53 + 1)
WEIGHTS: Final = (None, 0.0, -0.0, 0.1, 1.5, -2.25, 1e16, -1e16, 1.0, 1e19, 5e-324)
PRICES: Final = (None, "0", "-0.00", "1.1", "2.99", "9999999999999999.99", "-9999999999999999.99")
DUES: Final = (None, "1969-12-31T23:59:59.9995Z", "1600-02-29T00:00:00+23:59", "2026-11-21T00:00:00.123456789-01:00")
SHOPS: Final = (None, "a", "é", "\U0001f600", "\uffee", "x y")


def random_rows(seed: int, size: int) -> list[Row]:
    """Sound and broken records, copies near and far, in two partitions whose clocks step back, and imports."""
    draw = random.Random(seed)
    clock, rows = START, []
    for number in range(size):
        clock = Instant(clock + draw.choice((0, 1, 300, 700, -2_000, 1_500)))
        partition = draw.choice((IMPORTED, 0, 0, 1, 1))
        happened = (
            START - draw.choice((1, 500, 61_000, 86_400_000))
            if partition == IMPORTED
            else clock - draw.randrange(9_000)
        )
        body: dict[str, object] = {
            "event_id": draw.choice(("\uffff", "\U00010000", "é", "z", "-")) + str(draw.randrange(1 + size // 12)),
            "event_time": format_instant(happened),
            "shop": draw.choice(SHOPS),
            "till": draw.choice(TILLS),
            "paid": draw.choice((None, True, False)),
            "weight": draw.choice(WEIGHTS),
            "price": draw.choice(PRICES),
            "due": draw.choice(DUES),
        }
        if number % 17 == 0:
            body["till"] = "broken"
        rows.append(Row(json.dumps(body).encode(), clock, partition, tick=number % 23 == 0))
    return rows


def build(spark: SparkSession, lake: Path, cuts: list[int], of: Stored) -> dict[str, list[Segment]]:
    """Judge and build one interval after the other, as runs do; the segments of each view."""
    built: dict[str, list[Segment]] = {view.name: [] for view in VIEWS}
    for start, end in itertools.pairwise([None, *cuts, END]):
        begin = None if start is None else Instant(start)
        assert end is not None
        judge_interval(spark, lake, EVENT, start=begin, end=Instant(end))
        for view in VIEWS:
            segment = new_segment(begin, Instant(end))
            append_segments(lake, view, [(segment.id, partials(spark, lake, view, segment))], of=of)
            built[view.name].append(segment)
    return built


@pytest.mark.parametrize(
    ("cuts", "of"), [([], MUCH), ([START + 40_000, START + 60_000, START + 61_000], LITTLE)], ids=["whole", "cut"]
)
def test_segments_agree_with_the_algebra(spark: SparkSession, lake: Path, cuts: list[int], of: Stored) -> None:
    spark = fitting(spark, of)
    placed: list[Placed] = place(random_rows(7, 700))
    write(lake, EVENT, placed)
    built = build(spark, lake, cuts, of)
    received = list(counted(records(EVENT, placed), EVENT.horizon))
    assert 100 < len(received) < len(records(EVENT, placed)) - 50
    for view in VIEWS:
        segments = built[view.name]
        expected = of_records(view, received)
        found = of_segments(lake, view, (each.id for each in segments))
        assert differences(view, expected, found, MAGNITUDES) == []
        assert len(expected) > 10
        if len(segments) > 1:
            inputs = tuple(each.id for each in segments)
            compact = Compact(inputs, Segment("compacted", None, END))
            append_segments(lake, view, [("compacted", merged(spark, lake, view, compact))], of=of)
            assert differences(view, expected, of_segments(lake, view, ["compacted"]), MAGNITUDES) == []


def test_a_float_sum_loses_what_its_law_allows_and_a_decimal_sum_nothing(spark: SparkSession, lake: Path) -> None:
    """1e16 + 1 - 1e16, and sums beyond 64 bits."""
    bodies = [
        {"weight": 1e16, "price": "9999999999999999.99", "till": 2**63 - 1},
        {"weight": 1.0, "price": "0.01", "till": 2**63 - 1},
        {"weight": -1e16, "price": "9999999999999999.99", "till": 1},
    ]
    rows = [
        Row(json.dumps({"event_id": str(n), "event_time": "1970-01-01T00:00:00Z", "shop": "a", **each}).encode())
        for n, each in enumerate(bodies)
    ]
    write(lake, EVENT, place(rows))
    segment = build(spark, lake, [], LITTLE)[EVERY_SECOND.name][0]
    (found,) = of_segments(lake, EVERY_SECOND, [segment.id]).values()
    assert found[names.partial_column("prices", "sum")] == 2 * 999999999999999999 + 1
    assert found[names.partial_column("tills", "sum")] == 2**64 - 1
    total = found[names.partial_column("weights", "sum")]
    assert isinstance(total, float)
    assert abs(total - 1.0) <= 1e-9 * 2e16
